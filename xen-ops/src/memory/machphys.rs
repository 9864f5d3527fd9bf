//! Where a PV guest finds the table from machine frames to its own.

#![allow(unsafe_code, reason = "hands its buffer to the hypervisor")]

use xen_abi::GuestHandle;
use xen_abi::memory::{
    XENMEM_machphys_compat_mfn_list, XENMEM_machphys_mapping, XENMEM_machphys_mfn_list,
    xen_machphys_mapping, xen_machphys_mfn_list,
};
use xen_abi::xen::xen_pfn_t;

use super::{Error, door, list};
use crate::hypercall::{Hypercall, expansion::errno};

/// The machine frames at which the 2 MiB extents of the machine-to-physical table begin, into `room`, as
/// many as there is room for. An extent that is a hole repeats the frame before it. For the control
/// domain; x86 only.
///
/// `XENMEM_machphys_mfn_list` of `memory.h`.
///
/// # Errors
///
/// -ENOSYS (Arm), -EPERM (not allowed).
pub fn machphys_mfn_list<'a, H>(
    xen: &H,
    room: &'a mut [xen_pfn_t],
) -> Result<&'a [xen_pfn_t], Error>
where
    H: Hypercall + ?Sized,
{
    read(xen, XENMEM_machphys_mfn_list, "XENMEM_machphys_mfn_list", room)
}

/// As [`machphys_mfn_list`], of the table that 32-bit PV guests use.
///
/// `XENMEM_machphys_compat_mfn_list` of `memory.h`.
///
/// # Errors
///
/// As [`machphys_mfn_list`], and -EOPNOTSUPP if Xen runs no 32-bit PV guests.
pub fn machphys_compat_mfn_list<'a, H>(
    xen: &H,
    room: &'a mut [xen_pfn_t],
) -> Result<&'a [xen_pfn_t], Error>
where
    H: Hypercall + ?Sized,
{
    read(xen, XENMEM_machphys_compat_mfn_list, "XENMEM_machphys_compat_mfn_list", room)
}

/// Where Xen maps the machine-to-physical table in the caller's address space, in bytes, and its
/// last machine frame. PV guests on x86 only.
///
/// `XENMEM_machphys_mapping` of `memory.h`.
///
/// # Errors
///
/// -ENOSYS (Arm).
pub fn machphys_mapping<H: Hypercall + ?Sized>(xen: &H) -> Result<xen_machphys_mapping, Error> {
    let mut argument = xen_machphys_mapping::ZERO;
    // SAFETY: Xen writes the argument and nothing else.
    let result = unsafe { door::call(xen, XENMEM_machphys_mapping, &mut argument) };
    errno("XENMEM_machphys_mapping", result)?;
    Ok(argument)
}

fn read<'a, H>(
    xen: &H,
    operation: u32,
    name: &'static str,
    room: &'a mut [xen_pfn_t],
) -> Result<&'a [xen_pfn_t], Error>
where
    H: Hypercall + ?Sized,
{
    let mut argument = xen_machphys_mfn_list {
        max_extents: list::room(room),
        extent_start: GuestHandle::from_mut_slice(room),
        ..xen_machphys_mfn_list::ZERO
    };
    // SAFETY: Xen writes no more frames than there is room for, which is borrowed for that.
    let result = unsafe { door::call(xen, operation, &mut argument) };
    errno(name, result)?;
    list::written(name, room, argument.nr_extents)
}
