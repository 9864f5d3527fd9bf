//! Memory of the host that is reserved for a domain.

use xen_abi::xen::{domid_t, xen_ulong_t};

use super::{Error, MemFlags, PageCount};
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
/// [`Error::TooMany`] if `pages` is more than a word holds. Of Xen's, in the order in which it checks:
/// -ENOSYS (the caller has 32 bits on x86), -EOPNOTSUPP (Xen colours its caches), -EINVAL (no such domain, or
/// `DOMID_SELF`), -EPERM (the caller is not a control domain), -EINVAL (a dying domain, from 4.19.5, 4.20.3,
/// 4.21.1 and 4.22 on). Unless `pages` is 0: -EINVAL (a claim is active already, or `pages` is not more than the
/// domain has, or is more than it may have), -ENOMEM (not so much is free and unclaimed).
pub fn claim_pages<H>(xen: &H, domid: domid_t, pages: PageCount) -> Result<(), Error>
where
    H: Hypercall + ?Sized,
{
    let nr_extents = xen_ulong_t::try_from(pages.0)
        .map_err(|_| Error::TooMany { asked: usize::MAX, limit: usize::MAX })?;
    Ok(memory_op::claim_pages(xen, nr_extents, 0, MemFlags::ANY.mem_flags(), domid)?)
}
