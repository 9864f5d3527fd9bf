//! Memory of the host that is reserved for a domain.

use xen_abi::xen::{domid_t, xen_ulong_t};

use super::{Error, PageCount};
use crate::hypercall::{Hypercall, memory_op};

/// Claims memory of the host for domain `domid`, without allocating it: `pages` is what the domain is
/// to have in total, the pages that it already has included. For the control domain.
///
/// A domain has one claim at a time. `PageCount(0)` cancels it, and so does allocating all of it. To
/// change a claim, cancel it first.
///
/// `XENMEM_claim_pages` of `memory.h`.
///
/// # Errors
///
/// [`Error::TooMany`] if `pages` is more than a word holds. Of Xen's: -ENOMEM (not so many left),
/// -EINVAL (a claim is active already, `pages` is not more than the domain has, or is more than it may
/// have; no such domain, or `DOMID_SELF`; from 4.20 on a dying domain), -EPERM (not allowed), -EOPNOTSUPP
/// (Xen colours its caches).
pub fn claim_pages<H>(xen: &H, domid: domid_t, pages: PageCount) -> Result<(), Error>
where
    H: Hypercall + ?Sized,
{
    let nr_extents = xen_ulong_t::try_from(pages.0)
        .map_err(|_| Error::TooMany { asked: usize::MAX, limit: usize::MAX })?;
    Ok(memory_op::claim_pages(xen, nr_extents, 0, 0, domid)?)
}
