//! What there is to be known of the machine's memory, and what tools do with that of others.

#![allow(unsafe_code, reason = "hypercalls that an architecture's typed wrappers leave out")]

use core::ptr;

use xen_abi::memory::*;
use xen_abi::xen::{__HYPERVISOR_memory_op, DOMID_SELF, domid_t, xen_pfn_t};
use xen_abi::{GuestHandle, Plain};

use crate::{Guest, Run};

const NO_DOMAIN: domid_t = domid_t(777);

pub(crate) fn tables<G: Guest>(run: &mut Run<'_, G>) {
    machphys(run);
    let zero = xen_foreign_memory_map::ZERO;
    for (name, domid, nr_entries) in [
        ("set_memory_map, no such domain", NO_DOMAIN, 0),
        ("set_memory_map, too many entries", DOMID_SELF, 5000),
    ] {
        let map = xen_memory_map { nr_entries, ..xen_memory_map::ZERO };
        op(run, name, XENMEM_set_memory_map, &mut xen_foreign_memory_map { domid, map, ..zero });
    }
    for (name, domid) in [("no such domain", NO_DOMAIN), ("own", DOMID_SELF)] {
        let mut target = xen_pod_target { domid, ..xen_pod_target::ZERO };
        op(run, format_args!("get_pod_target, {name}"), XENMEM_get_pod_target, &mut target);
        op(run, format_args!("set_pod_target, {name}"), XENMEM_set_pod_target, &mut target);
    }
    for (name, command) in [
        ("get_sharing_freed_pages", XENMEM_get_sharing_freed_pages),
        ("get_sharing_shared_pages", XENMEM_get_sharing_shared_pages),
    ] {
        op(run, name, command, &mut 0_u64);
    }
    let me = run.guest.domid();
    for (name, domid) in [("no such domain", NO_DOMAIN), ("own", me)] {
        let mut access = xen_mem_access_op { domid, ..xen_mem_access_op::ZERO };
        op(run, format_args!("access_op, {name}"), XENMEM_access_op, &mut access);
        let mut paging = xen_mem_paging_op { domain: domid, ..xen_mem_paging_op::ZERO };
        op(run, format_args!("paging_op, {name}"), XENMEM_paging_op, &mut paging);
        let mut sharing = xen_mem_sharing_op { domain: domid, ..xen_mem_sharing_op::ZERO };
        op(run, format_args!("sharing_op, {name}"), XENMEM_sharing_op, &mut sharing);
    }
}

fn machphys<G: Guest>(run: &mut Run<'_, G>) {
    for (name, command) in [
        ("machphys_mfn_list", XENMEM_machphys_mfn_list),
        ("machphys_compat_mfn_list", XENMEM_machphys_compat_mfn_list),
    ] {
        let mut frames = [xen_pfn_t(0)];
        let extent_start = GuestHandle::from_addr(frames.as_mut_ptr().expose_provenance() as _);
        let zero = xen_machphys_mfn_list::ZERO;
        let mut list = xen_machphys_mfn_list { max_extents: 1, extent_start, ..zero };
        op(run, name, command, &mut list);
        run.step(format_args!("{name}, extents"), list.nr_extents);
        let mut none = xen_machphys_mfn_list::ZERO;
        op(run, format_args!("{name}, no room"), command, &mut none);
    }
    let mut mapping = xen_machphys_mapping::ZERO;
    op(run, "machphys_mapping", XENMEM_machphys_mapping, &mut mapping);
}

fn op<G: Guest, T: Plain>(
    run: &mut Run<'_, G>,
    name: impl core::fmt::Display,
    command: u32,
    argument: &mut T,
) {
    let at = ptr::from_mut(argument).expose_provenance();
    // SAFETY: Xen reads and writes the argument, which belongs to the command, and a list if there is
    // one.
    unsafe { run.raw(name, __HYPERVISOR_memory_op, [command as usize, at, 0]) };
}
