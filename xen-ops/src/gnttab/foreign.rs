//! Grants of other domains, by name.

use core::fmt;

use xen_abi::xen::{DOMID_FIRST_RESERVED, domid_t};

pub use xen_abi::grant_table::grant_ref_t;

/// A grant in another domain's table: whose, and which. It names what a peer said it lends; whether
/// there is such a grant only Xen knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Foreign {
    /// The granting domain.
    pub domid: domid_t,
    /// The reference in its table.
    pub reference: grant_ref_t,
}

impl Foreign {
    /// The grant `reference` of domain `domid`.
    #[must_use]
    pub const fn new(domid: domid_t, reference: grant_ref_t) -> Self {
        Self { domid, reference }
    }

    /// Whether `domid` can be a domain's number and is none of the special values.
    pub(crate) const fn names_a_domain(self) -> bool {
        self.domid.0 < DOMID_FIRST_RESERVED.0
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "grant {} of domain {}", self.reference.0, self.domid.0)
    }
}
