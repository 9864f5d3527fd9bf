//! The hypercalls that the table makes.

#![allow(unsafe_code, reason = "hypercalls")]
#![allow(clippy::cast_lossless, reason = "registers are 64 or 32 bits wide")]

pub(crate) mod grant_table_op {
    use xen_abi::grant_table::*;
    use xen_abi::xen::{__HYPERVISOR_grant_table_op, domid_t, xen_pfn_t};
    use xen_abi::{GuestHandle, zeroed};

    use crate::hypercall::{Error, Hypercall, UNTOUCHED};

    unsafe fn call<X: Hypercall, T>(xen: &X, command: u32, argument: &mut T) -> isize {
        let at = core::ptr::from_mut(argument) as usize;
        // SAFETY: the caller's promise.
        unsafe { xen.call3(__HYPERVISOR_grant_table_op as u32, [command as usize, at, 1]) }
    }

    pub(crate) unsafe fn set_version<X: Hypercall>(xen: &X, version: u32) -> Result<u32, Error> {
        let mut argument = gnttab_set_version { version };
        // SAFETY: the caller's promise.
        let result = unsafe { call(xen, GNTTABOP_set_version, &mut argument) };
        crate::hypercall::expansion::errno("GNTTABOP_set_version", result)?;
        Ok(argument.version)
    }

    pub(crate) struct QuerySize {
        pub(crate) nr_frames: u32,
        pub(crate) max_nr_frames: u32,
    }

    pub(crate) fn query_size<X: Hypercall>(xen: &X, dom: domid_t) -> Result<QuerySize, Error> {
        let mut argument =
            gnttab_query_size { dom, status: UNTOUCHED, ..zeroed::<gnttab_query_size>() };
        // SAFETY: writes the argument only.
        let result = unsafe { call(xen, GNTTABOP_query_size, &mut argument) };
        crate::hypercall::expansion::status("GNTTABOP_query_size", result, argument.status)?;
        Ok(QuerySize { nr_frames: argument.nr_frames, max_nr_frames: argument.max_nr_frames })
    }

    pub(crate) fn setup_table<X: Hypercall>(
        xen: &X,
        dom: domid_t,
        frame_list: &mut [xen_pfn_t],
    ) -> Result<(), Error> {
        let mut argument = gnttab_setup_table {
            dom,
            nr_frames: frame_list.len() as u32,
            frame_list: GuestHandle::from_mut_slice(frame_list),
            status: UNTOUCHED,
            ..zeroed::<gnttab_setup_table>()
        };
        // SAFETY: writes the argument and the list only.
        let result = unsafe { call(xen, GNTTABOP_setup_table, &mut argument) };
        crate::hypercall::expansion::status("GNTTABOP_setup_table", result, argument.status)
    }

    pub(crate) fn get_status_frames<X: Hypercall>(
        xen: &X,
        dom: domid_t,
        frame_list: &mut [u64],
    ) -> Result<(), Error> {
        let mut argument = gnttab_get_status_frames {
            dom,
            nr_frames: frame_list.len() as u32,
            frame_list: GuestHandle::from_mut_slice(frame_list),
            status: UNTOUCHED,
        };
        // SAFETY: writes the argument and the list only.
        let result = unsafe { call(xen, GNTTABOP_get_status_frames, &mut argument) };
        crate::hypercall::expansion::status("GNTTABOP_get_status_frames", result, argument.status)
    }
}

pub(crate) mod memory_op {
    use xen_abi::memory::*;
    use xen_abi::xen::{__HYPERVISOR_memory_op, domid_t, xen_pfn_t, xen_ulong_t};
    use xen_abi::zeroed;

    use crate::hypercall::{Error, Hypercall};

    unsafe fn call<X: Hypercall, T>(xen: &X, command: u32, argument: &mut T) -> isize {
        let at = core::ptr::from_mut(argument) as usize;
        // SAFETY: the caller's promise.
        unsafe { xen.call2(__HYPERVISOR_memory_op as u32, [command as usize, at]) }
    }

    pub(crate) unsafe fn add_to_physmap<X: Hypercall>(
        xen: &X,
        domid: domid_t,
        space: u32,
        idx: xen_ulong_t,
        gpfn: xen_pfn_t,
    ) -> Result<(), Error> {
        let mut argument =
            xen_add_to_physmap { domid, space, idx, gpfn, ..zeroed::<xen_add_to_physmap>() };
        // SAFETY: the caller's promise.
        let result = unsafe { call(xen, XENMEM_add_to_physmap, &mut argument) };
        crate::hypercall::expansion::errno("XENMEM_add_to_physmap", result)
    }

    pub(crate) unsafe fn remove_from_physmap<X: Hypercall>(
        xen: &X,
        domid: domid_t,
        gpfn: xen_pfn_t,
    ) -> Result<(), Error> {
        let mut argument =
            xen_remove_from_physmap { domid, gpfn, ..zeroed::<xen_remove_from_physmap>() };
        // SAFETY: the caller's promise.
        let result = unsafe { call(xen, XENMEM_remove_from_physmap, &mut argument) };
        crate::hypercall::expansion::errno("XENMEM_remove_from_physmap", result)
    }
}
