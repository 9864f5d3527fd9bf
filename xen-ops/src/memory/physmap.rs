//! One place of the guest-physical map: put a page there, take it away.

#![allow(unsafe_code, reason = "changes which memory is behind an address")]

use xen_abi::xen::{domid_t, xen_pfn_t};

use super::space::Encoded;
use super::{Error, Space, frame};
use crate::hypercall::{Hypercall, memory_op};

/// Places `what` at guest frame `at` of domain `domid`; of a [`Space::GmfnRange`], the first page.
///
/// `DOMID_SELF` is the caller, and all that an unprivileged one may name. Translated guests only
/// (HVM, PVH, Arm). What was at `at` before is taken away, and if it was memory of the domain, Xen
/// frees it.
///
/// `XENMEM_add_to_physmap` of `memory.h`.
///
/// # Errors
///
/// [`Error::NotAFrame`] and [`Error::GrantFrame`], before Xen is asked. Of Xen's: -EINVAL (the
/// grant table cannot have that frame, nothing at the frame to be moved, a space the architecture
/// has not on x86), -ENOSYS (such a space on Arm), -EBUSY (Arm: the page is placed elsewhere
/// already and must be removed there first), -EACCES (a PV guest; device memory for other than the
/// hardware domain), -EPERM (not allowed), -ESRCH (no such domain), -EOVERFLOW (a range beyond the
/// last frame), -ENOMEM.
///
/// # Safety
///
/// If `domid` is the caller: nothing relies on what is at the guest frames from `at` on, nor, for
/// the spaces that move pages, on what is where they are now. Nobody uses the page placed but as
/// the shared memory it is.
pub unsafe fn add_to_physmap<H>(
    xen: &H,
    domid: domid_t,
    what: Space,
    at: xen_pfn_t,
) -> Result<(), Error>
where
    H: Hypercall + ?Sized,
{
    frame::check(&[at])?;
    let Encoded { space, size, idx } = what.encode()?;
    // SAFETY: the caller's promise.
    Ok(unsafe { memory_op::add_to_physmap(xen, domid, size, space, idx, at) }?)
}

/// Empties guest frame `at` of domain `domid`. Reads there give all ones, and nothing keeps what is
/// written. Translated guests only.
///
/// Memory of the domain's own stays allocated to it, though nowhere to be found:
/// [`decrease_reservation`](super::decrease_reservation) gives memory back. For pages placed by
/// [`add_to_physmap`], [`add_to_physmap_batch`](super::add_to_physmap_batch) and
/// [`acquire::map`](super::acquire::map) this is the inverse.
///
/// `XENMEM_remove_from_physmap` of `memory.h`.
///
/// # Errors
///
/// [`Error::NotAFrame`], before Xen is asked. Of Xen's: -ENOENT (nothing is there), -EACCES (a PV
/// guest), -EPERM (not allowed), -ESRCH (no such domain).
///
/// # Safety
///
/// If `domid` is the caller: nothing relies on what is at the guest frame.
pub unsafe fn remove_from_physmap<H>(xen: &H, domid: domid_t, at: xen_pfn_t) -> Result<(), Error>
where
    H: Hypercall + ?Sized,
{
    frame::check(&[at])?;
    // SAFETY: the caller's promise.
    Ok(unsafe { memory_op::remove_from_physmap(xen, domid, at) }?)
}
