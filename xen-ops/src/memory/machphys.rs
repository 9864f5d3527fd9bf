//! The machine-to-physical table, which PV guests use.

use xen_abi::memory::xen_machphys_mapping;
use xen_abi::xen::xen_pfn_t;

use super::{Error, list};
use crate::hypercall::{Hypercall, memory_op};

/// Writes the machine frames at which the 2 MiB extents of the machine-to-physical table begin to
/// `frames`, as many as fit. An extent that is a hole repeats the frame before it. For the control
/// domain.
///
/// `XENMEM_machphys_mfn_list` of `memory.h`.
///
/// # Errors
///
/// None of Xen's own, which does not check who asks.
pub fn machphys_mfn_list<'a, H>(
    xen: &H,
    frames: &'a mut [xen_pfn_t],
) -> Result<&'a [xen_pfn_t], Error>
where
    H: Hypercall + ?Sized,
{
    let extents = memory_op::machphys_mfn_list(xen, frames)?;
    list::written("XENMEM_machphys_mfn_list", frames, extents)
}

/// As [`machphys_mfn_list`], of the table that 32-bit PV guests use.
///
/// `XENMEM_machphys_compat_mfn_list` of `memory.h`.
///
/// # Errors
///
/// -EOPNOTSUPP if Xen runs no 32-bit PV guests.
pub fn machphys_compat_mfn_list<'a, H>(
    xen: &H,
    frames: &'a mut [xen_pfn_t],
) -> Result<&'a [xen_pfn_t], Error>
where
    H: Hypercall + ?Sized,
{
    let extents = memory_op::machphys_compat_mfn_list(xen, frames)?;
    list::written("XENMEM_machphys_compat_mfn_list", frames, extents)
}

/// Where Xen maps the machine-to-physical table in the caller's address space, in bytes, and its
/// last machine frame. For PV guests.
///
/// `XENMEM_machphys_mapping` of `memory.h`.
///
/// # Errors
///
/// -ENOSYS in a translated guest.
pub fn machphys_mapping<H: Hypercall + ?Sized>(xen: &H) -> Result<xen_machphys_mapping, Error> {
    let memory_op::MachphysMapping { v_start, v_end, max_mfn } = memory_op::machphys_mapping(xen)?;
    Ok(xen_machphys_mapping { v_start, v_end, max_mfn })
}
