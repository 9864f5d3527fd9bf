//! Lists of grants.

use std::ffi::c_void;

use xen_abi::linux::gntdev::{ioctl_gntdev_grant_ref, ioctl_gntdev_map_grant_ref};

use crate::RemoteGrant;
use crate::fam::{FamVec, LengthError};

/// Grants that are mapped together, of one domain or several, in the kernel's own layout. One list can
/// be used for any number of mappings, and allocates only where it grows.
///
/// ```
/// use xen_linux::{DomainId, Grants, RemoteGrant, domid_t, grant_ref_t};
///
/// let (one, other) = (DomainId::new(domid_t(1))?, DomainId::new(domid_t(2))?);
/// let mut grants: Grants = (8..16).map(|number| RemoteGrant::new(one, grant_ref_t(number))).collect();
/// grants.push(RemoteGrant::new(other, grant_ref_t(8)));
/// assert_eq!(grants.len(), 9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Grants {
    list: FamVec<ioctl_gntdev_map_grant_ref>,
}

impl Grants {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// An empty list with capacity for `capacity` grants.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { list: FamVec::with_capacity(capacity) }
    }

    /// Appends a grant.
    pub fn push(&mut self, grant: RemoteGrant) {
        self.list.push(element(grant));
    }

    /// Removes all grants. The capacity stays.
    pub fn clear(&mut self) {
        self.list.clear();
    }

    /// How many grants there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The list as the kernel reads it.
    pub(super) fn argument(&mut self) -> Result<*mut c_void, LengthError> {
        self.list.as_mut_ptr(ioctl_gntdev_map_grant_ref::ZERO)
    }

    /// The index that the kernel has written into it.
    pub(super) fn index(&self) -> u64 {
        self.list.header().index
    }
}

impl Extend<RemoteGrant> for Grants {
    fn extend<T: IntoIterator<Item = RemoteGrant>>(&mut self, grants: T) {
        grants.into_iter().for_each(|grant| self.push(grant));
    }
}

impl FromIterator<RemoteGrant> for Grants {
    fn from_iter<T: IntoIterator<Item = RemoteGrant>>(grants: T) -> Self {
        Self { list: grants.into_iter().map(element).collect() }
    }
}

/// A grant as the kernel names it.
pub(super) fn element(grant: RemoteGrant) -> ioctl_gntdev_grant_ref {
    ioctl_gntdev_grant_ref { domid: grant.domain.domid().0.into(), ref_: grant.reference.0 }
}

#[cfg(test)]
mod tests {
    use xen_abi::grant_table::grant_ref_t;
    use xen_abi::xen::domid_t;

    use super::*;
    use crate::DomainId;
    use crate::testing::allocations;

    #[test]
    fn a_list_is_empty_before_and_after_its_grants() {
        let grant = RemoteGrant::new(DomainId::new(domid_t(1)).unwrap(), grant_ref_t(8));
        let mut grants = Grants::new();
        assert_eq!((grants.len(), grants.is_empty()), (0, true));
        grants.push(grant);
        assert_eq!((grants.len(), grants.is_empty()), (1, false));
        grants.extend([grant, grant]);
        assert_eq!(grants.len(), 3);
        grants.clear();
        assert_eq!((grants.len(), grants.is_empty()), (0, true));
    }

    #[test]
    fn a_list_does_not_grow_within_its_capacity() {
        let grant = RemoteGrant::new(DomainId::new(domid_t(1)).unwrap(), grant_ref_t(8));
        let mut grants = Grants::with_capacity(100);
        let before = allocations();
        (0..100).for_each(|_| grants.push(grant));
        assert_eq!(allocations(), before);
    }
}
