//! What a toolstack does with a domain's memory: claims, and memory that is there once touched.

#![allow(unsafe_code, reason = "makes hypercalls that read and write only their argument")]

use xen_abi::memory::{
    XENMEM_claim_pages, XENMEM_get_pod_target, XENMEM_set_pod_target, xen_memory_reservation,
    xen_pod_target,
};
use xen_abi::xen::{domid_t, xen_ulong_t};

use super::{Error, Pages, door};
use crate::hypercall::{Hypercall, expansion::errno};

/// Sets `pages` of the host aside for domain `domid`, those it has included, without allocating them. A
/// later claim takes the place of an earlier one; none drops it. For the control domain.
///
/// `XENMEM_claim_pages` of `memory.h`.
///
/// # Errors
///
/// [`Error::TooMany`] if `pages` is more than a word holds. Of Xen's: -ENOMEM (not so many left), -EINVAL
/// (fewer than the domain has, more than it may have, no such domain, or `DOMID_SELF`), -EPERM (not allowed),
/// -EOPNOTSUPP (Xen colours its caches).
pub fn claim_pages<H>(xen: &H, domid: domid_t, pages: Pages) -> Result<(), Error>
where
    H: Hypercall + ?Sized,
{
    let nr_extents = xen_ulong_t::try_from(pages.0)
        .map_err(|_| Error::TooMany { asked: usize::MAX, limit: usize::MAX })?;
    let mut argument = xen_memory_reservation { nr_extents, domid, ..xen_memory_reservation::ZERO };
    // SAFETY: without a list, Xen reads the argument and changes its own accounts.
    let result = unsafe { door::call(xen, XENMEM_claim_pages, &mut argument) };
    Ok(errno("XENMEM_claim_pages", result)?)
}

/// A domain's memory that is allocated once touched (populate on demand).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodTarget {
    /// Pages the domain has.
    pub total: Pages,
    /// Of them, pages kept to be put where it touches.
    pub cache: Pages,
    /// Pages promised, with nothing behind them yet.
    pub entries: Pages,
}

/// How much of the memory of domain `domid` is still to be touched. For the control domain; x86, HVM
/// domains.
///
/// `XENMEM_get_pod_target` of `memory.h`.
///
/// # Errors
///
/// -EINVAL (no HVM domain), -ESRCH (no such domain), -EPERM (not allowed), -ENOSYS (Arm).
pub fn pod_target<H>(xen: &H, domid: domid_t) -> Result<PodTarget, Error>
where
    H: Hypercall + ?Sized,
{
    let argument = xen_pod_target { domid, ..xen_pod_target::ZERO };
    pod(xen, XENMEM_get_pod_target, "XENMEM_get_pod_target", argument)
}

/// Lets domain `domid` have `target` pages in all, and returns what it has then. For the control
/// domain; x86, HVM domains.
///
/// `XENMEM_set_pod_target` of `memory.h`.
///
/// # Errors
///
/// As [`pod_target`]; -EINVAL also for a target beyond the domain's maximum, -ENOMEM.
pub fn set_pod_target<H>(xen: &H, domid: domid_t, target: Pages) -> Result<PodTarget, Error>
where
    H: Hypercall + ?Sized,
{
    let argument = xen_pod_target { target_pages: target.0, domid, ..xen_pod_target::ZERO };
    pod(xen, XENMEM_set_pod_target, "XENMEM_set_pod_target", argument)
}

fn pod<H>(
    xen: &H,
    operation: u32,
    name: &'static str,
    mut argument: xen_pod_target,
) -> Result<PodTarget, Error>
where
    H: Hypercall + ?Sized,
{
    // SAFETY: Xen writes the argument; what it does to the domain's cache of pages is not to be seen
    // by the domain.
    let result = unsafe { door::call(xen, operation, &mut argument) };
    errno(name, result)?;
    Ok(PodTarget {
        total: Pages(argument.tot_pages),
        cache: Pages(argument.pod_cache_pages),
        entries: Pages(argument.pod_entries),
    })
}
