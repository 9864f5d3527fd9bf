//! Grants of other domains.

use core::fmt;

use xen_abi::grant_table::grant_ref_t;

use crate::DomainId;

/// A grant in another domain's table: the domain and the reference, as the peer announced them. Xen
/// checks whether the grant exists when it is used.
///
/// It must not be one of this domain's own: see [`GrantTable::start`](super::GrantTable::start).
///
/// ```
/// use xen_ops::DomainId;
/// use xen_ops::gnttab::RemoteGrant;
/// use xen_ops::xen_abi::grant_table::grant_ref_t;
/// use xen_ops::xen_abi::xen::domid_t;
///
/// let grant = RemoteGrant::new(DomainId::new(domid_t(3))?, grant_ref_t(8));
/// assert_eq!(grant.to_string(), "grant 8 of d3");
/// # Ok::<(), xen_ops::InvalidDomainId>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RemoteGrant {
    /// The granting domain.
    pub domain: DomainId,
    /// The reference in its table.
    pub reference: grant_ref_t,
}

impl RemoteGrant {
    /// The grant `reference` of `domain`.
    #[must_use]
    pub const fn new(domain: DomainId, reference: grant_ref_t) -> Self {
        Self { domain, reference }
    }
}

impl fmt::Display for RemoteGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "grant {} of {}", self.reference.0, self.domain)
    }
}
