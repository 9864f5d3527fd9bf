//! Grants of other domains, by name.

use core::fmt;

use xen_abi::grant_table::grant_ref_t;

use super::DomainId;

/// A grant in another domain's table: whose, and which. It names what a peer said it lends; whether
/// there is such a grant only Xen knows.
///
/// It is another domain's: one's own grants are not to be mapped, see
/// [`GrantTable::start`](super::GrantTable::start).
///
/// ```
/// use xen_ops::gnttab::DomainId;
/// use xen_ops::gnttab::RemoteGrant;
/// use xen_ops::xen_abi::grant_table::grant_ref_t;
/// use xen_ops::xen_abi::xen::domid_t;
///
/// let grant = RemoteGrant::new(DomainId::new(domid_t(3))?, grant_ref_t(8));
/// assert_eq!(grant.to_string(), "grant 8 of domain 3");
/// # Ok::<(), xen_ops::gnttab::InvalidDomainId>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RemoteGrant {
    /// The granting domain.
    pub peer: DomainId,
    /// The reference in its table.
    pub reference: grant_ref_t,
}

impl RemoteGrant {
    /// The grant `reference` of `peer`.
    #[must_use]
    pub const fn new(peer: DomainId, reference: grant_ref_t) -> Self {
        Self { peer, reference }
    }
}

impl fmt::Display for RemoteGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "grant {} of domain {}", self.reference.0, self.peer.domain().0)
    }
}
