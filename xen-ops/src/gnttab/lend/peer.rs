//! The domain that something is granted to.

use core::fmt;

use xen_abi::xen::{DOMID_FIRST_RESERVED, domid_t};

/// A domain that pages can be granted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DomainId(domid_t);

impl DomainId {
    /// The domain with this number.
    ///
    /// # Errors
    ///
    /// [`InvalidDomainId`] from `DOMID_FIRST_RESERVED` (0x7ff0) on: `DOMID_SELF` and its like. Xen compares
    /// an entry's domain with the number of the domain that uses it, which is never one of those, so
    /// nobody could use such a grant.
    pub const fn new(domain: domid_t) -> Result<Self, InvalidDomainId> {
        if domain.0 < DOMID_FIRST_RESERVED.0 {
            Ok(Self(domain))
        } else {
            Err(InvalidDomainId(domain))
        }
    }

    /// The domain's number.
    #[inline]
    #[must_use]
    pub const fn domain(self) -> domid_t {
        self.0
    }

    /// The domain's number, as the ABI has it.
    #[inline]
    #[must_use]
    pub const fn domid(self) -> domid_t {
        self.0
    }
}

impl From<DomainId> for domid_t {
    fn from(domain: DomainId) -> Self {
        domain.domid()
    }
}

impl TryFrom<domid_t> for DomainId {
    type Error = InvalidDomainId;

    fn try_from(domain: domid_t) -> Result<Self, InvalidDomainId> {
        Self::new(domain)
    }
}

/// A number that names no domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidDomainId(pub domid_t);

impl fmt::Display for InvalidDomainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x} is no domain: grants are made to a domain's own number", self.0.0)
    }
}

impl core::error::Error for InvalidDomainId {}
