//! Arguments of hypercalls: raw addresses in this process, read and written as Xen copies from and
//! to a guest.
//!
//! Faults are null, addresses beyond the end of the address space, Xen's part of a PV guest's, and
//! what a test declared absent. Any other address is valid: the caller of a hypercall guarantees
//! it.

#![allow(unsafe_code, reason = "follows addresses that a guest passes")]

use core::ops::Range;

use xen_abi::Plain;
use xen_abi::xen::domid_t;

use crate::config::GuestKind;
use crate::error::Fault;
use crate::state::State;

/// What no PV guest may address: non-canonical addresses, and Xen's own part.
const PV_XEN: Range<u64> = 1 << 47..0xffff_8800_0000_0000;

impl State {
    /// The value at `address` plus `index` times its size.
    pub(crate) fn read_at<T: Plain>(
        &self,
        caller: domid_t,
        address: usize,
        index: usize,
    ) -> Result<T, Fault> {
        let at = self.check(caller, address, index, size_of::<T>())?;
        // SAFETY: the caller of the hypercall guarantees the address; no alignment is assumed.
        Ok(unsafe { core::ptr::with_exposed_provenance::<T>(at).read_unaligned() })
    }

    /// The value at `address`.
    pub(crate) fn read<T: Plain>(&self, caller: domid_t, address: usize) -> Result<T, Fault> {
        self.read_at(caller, address, 0)
    }

    /// Writes `value` to `address` plus `index` times its size.
    pub(crate) fn write_at<T: Plain>(
        &self,
        caller: domid_t,
        address: usize,
        index: usize,
        value: T,
    ) -> Result<(), Fault> {
        let at = self.check(caller, address, index, size_of::<T>())?;
        // SAFETY: the caller of the hypercall guarantees the address; no alignment is assumed.
        unsafe { core::ptr::with_exposed_provenance_mut::<T>(at).write_unaligned(value) };
        Ok(())
    }

    /// Writes `value` to `address`.
    pub(crate) fn write<T: Plain>(
        &self,
        caller: domid_t,
        address: usize,
        value: T,
    ) -> Result<(), Fault> {
        self.write_at(caller, address, 0, value)
    }

    /// Checks the address of a guest's array, as Xen does before it reads the first element: a PV
    /// guest shares its address space with Xen.
    pub(crate) fn check_array(&self, caller: domid_t, address: usize) -> Result<(), Fault> {
        let pv = self.domain(caller).is_some_and(|domain| domain.kind == GuestKind::Pv);
        if pv && PV_XEN.contains(&(address as u64)) { Err(Fault) } else { Ok(()) }
    }

    fn check(
        &self,
        caller: domid_t,
        address: usize,
        index: usize,
        size: usize,
    ) -> Result<usize, Fault> {
        if address == 0 {
            return Err(Fault);
        }
        self.check_array(caller, address)?;
        let offset = index.checked_mul(size).ok_or(Fault)?;
        let at = address.checked_add(offset).ok_or(Fault)?;
        let absent = &self.domains.get(&caller.0).ok_or(Fault)?.faults;
        if absent.present(at, size) { Ok(at) } else { Err(Fault) }
    }
}

/// The address that a guest handle holds.
pub(crate) fn address<T>(handle: xen_abi::GuestHandle<T>) -> usize {
    handle.addr() as usize
}

/// The address that a handle of 64 bits holds on every architecture. One that the process cannot have is
/// that of nothing.
pub(crate) fn address64<T>(handle: xen_abi::GuestHandle64<T>) -> usize {
    let address: u64 = handle.addr();
    address.try_into().unwrap_or(usize::MAX)
}
