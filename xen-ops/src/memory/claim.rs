//! Memory of the host set aside for a domain.

use xen_abi::xen::{domid_t, xen_ulong_t};

use super::{Error, PageCount};
use crate::hypercall::{Hypercall, memory_op};

/// Sets `pages` of the host aside for domain `domid`, those it has included, without allocating
/// them. A later claim takes the place of an earlier one; none drops it. For the control domain.
///
/// `XENMEM_claim_pages` of `memory.h`.
///
/// # Errors
///
/// [`Error::TooMany`] if `pages` is more than a word holds. Of Xen's: -ENOMEM (not so many left),
/// -EINVAL (fewer than the domain has, more than it may have, no such domain, or `DOMID_SELF`),
/// -EPERM (not allowed), -EOPNOTSUPP (Xen colours its caches).
pub fn claim_pages<H>(xen: &H, domid: domid_t, pages: PageCount) -> Result<(), Error>
where
    H: Hypercall + ?Sized,
{
    let nr_extents = xen_ulong_t::try_from(pages.0)
        .map_err(|_| Error::TooMany { asked: usize::MAX, limit: usize::MAX })?;
    Ok(memory_op::claim_pages(xen, nr_extents, 0, 0, domid)?)
}
