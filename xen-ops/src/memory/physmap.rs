//! Placing a page in the guest-physical map, and removing it.

#![allow(unsafe_code, reason = "changes which memory is at a guest frame")]

use xen_abi::xen::{domid_t, xen_pfn_t};

use super::space::Encoded;
use super::{Error, Space, frame};
use crate::hypercall::{Hypercall, memory_op};

/// Places `what` at guest frame `at` of domain `domid`; of a [`Space::GmfnRange`], the first page.
///
/// `DOMID_SELF` is the caller. An unprivileged caller may not name another domain. Translated guests
/// only (HVM, PVH, Arm). What was at `at` before is removed, and if it was memory of the domain, Xen
/// frees it.
///
/// `XENMEM_add_to_physmap` of `memory.h`.
///
/// # Errors
///
/// [`Error::NotAFrame`] and [`Error::GrantFrame`], before Xen is asked. Of Xen's, first
/// -ESRCH (no such domain), -EACCES (a PV guest; device memory for other than the hardware domain), -EPERM
/// (another domain, for an unprivileged caller), from 4.17 on -EOVERFLOW (a range past the last frame). Then
/// -EINVAL (the grant table cannot have that frame, on x86 a space that the architecture lacks), -ENOSYS (such
/// a space on Arm), -EBUSY (Arm: the page is placed elsewhere already and must be removed there first),
/// -EACCES (from 4.19.5, 4.20.3, 4.21.1 and 4.22 on, there is no memory to be moved; before, -EINVAL), -EPERM
/// (x86: a device is at `at`), -ENOMEM.
///
/// # Safety
///
/// If `domid` is the caller: nothing relies on what is at the guest frames from `at` on, nor, for
/// the spaces that move pages, on what is at the frames they move from. The page placed is accessed as
/// shared memory only.
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

/// Removes the page at guest frame `at` of domain `domid`. Afterwards reads there return all ones, and
/// writes are discarded. Translated guests only.
///
/// This is the inverse of [`add_to_physmap`], [`add_to_physmap_batch`](super::add_to_physmap_batch) and
/// [`acquire::map`](super::acquire::map). Memory of the domain's own stays allocated to it, although it
/// is at no guest frame: [`decrease_reservation`](super::decrease_reservation) releases memory.
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
