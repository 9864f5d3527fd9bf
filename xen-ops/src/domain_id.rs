//! Domain ids.

use core::fmt;

use xen_abi::xen::{DOMID_FIRST_RESERVED, domid_t};

/// The id of an ordinary domain, checked: below `DOMID_FIRST_RESERVED` (0x7ff0).
///
/// Operations that also accept `DOMID_SELF` or another reserved id take a [`domid_t`].
///
/// ```
/// use xen_ops::DomainId;
/// use xen_ops::xen_abi::xen::{DOMID_SELF, domid_t};
///
/// assert_eq!(DomainId::new(domid_t(3))?.to_string(), "d3");
/// assert!(DomainId::new(DOMID_SELF).is_err());
/// # Ok::<(), xen_ops::InvalidDomainId>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainId(u16);

impl DomainId {
    /// The domain with this id.
    ///
    /// # Errors
    ///
    /// [`InvalidDomainId`] from `DOMID_FIRST_RESERVED` on: `DOMID_SELF` and the other reserved ids. Xen
    /// compares a grant entry's domain with the id of the domain that uses the grant, which is never a
    /// reserved one.
    pub const fn new(domid: domid_t) -> Result<Self, InvalidDomainId> {
        if domid.0 < DOMID_FIRST_RESERVED.0 {
            Ok(Self(domid.0))
        } else {
            Err(InvalidDomainId(domid))
        }
    }

    /// The id as the ABI has it.
    #[inline]
    #[must_use]
    pub const fn domid(self) -> domid_t {
        domid_t(self.0)
    }
}

impl From<DomainId> for domid_t {
    fn from(domain: DomainId) -> Self {
        domain.domid()
    }
}

impl TryFrom<domid_t> for DomainId {
    type Error = InvalidDomainId;

    fn try_from(domid: domid_t) -> Result<Self, InvalidDomainId> {
        Self::new(domid)
    }
}

impl PartialEq<domid_t> for DomainId {
    fn eq(&self, domid: &domid_t) -> bool {
        self.domid() == *domid
    }
}

/// `d3`, as in Xen's own messages.
impl fmt::Display for DomainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "d{}", self.0)
    }
}

/// An id that no ordinary domain has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidDomainId(pub domid_t);

impl fmt::Display for InvalidDomainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x} is a reserved domain id: use the domain's own id", self.0.0)
    }
}

impl core::error::Error for InvalidDomainId {}
