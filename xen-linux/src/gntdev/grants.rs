//! Lists of grants.

use std::mem::offset_of;

use xen_abi::linux::gntdev::{ioctl_gntdev_grant_ref, ioctl_gntdev_map_grant_ref};
use xen_ops::gnttab::RemoteGrant;

use crate::fam::{Head, Tailed};
use crate::wide::number;

impl Head for ioctl_gntdev_map_grant_ref {
    type Element = ioctl_gntdev_grant_ref;

    const OFFSET: usize = offset_of!(Self, refs);
}

/// Grants that are mapped together, of one domain or several, in the kernel's own layout. It can be
/// used for as many mappings as one likes, and allocates only where it grows.
///
/// ```
/// use xen_abi::grant_table::grant_ref_t;
/// use xen_abi::xen::domid_t;
/// use xen_linux::gntdev::Grants;
/// use xen_ops::gnttab::{InvalidDomainId, DomainId, RemoteGrant};
///
/// let [one, other] = [domid_t(1), domid_t(2)].map(DomainId::new);
/// let (one, other) = (one?, other?);
/// let mut grants: Grants = (8..16).map(|number| RemoteGrant::new(one, grant_ref_t(number))).collect();
/// grants.push(RemoteGrant::new(other, grant_ref_t(8)));
/// assert_eq!(grants.len(), 9);
/// # Ok::<(), InvalidDomainId>(())
/// ```
#[derive(Clone, Debug)]
pub struct Grants {
    list: Tailed<ioctl_gntdev_map_grant_ref>,
}

impl Grants {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// An empty list with room for `count` grants.
    #[must_use]
    pub fn with_capacity(count: usize) -> Self {
        Self { list: Tailed::with_capacity(count) }
    }

    /// Puts a grant at the end.
    pub fn push(&mut self, grant: RemoteGrant) {
        self.list.push(element(grant));
    }

    /// Takes all grants out; their room stays.
    pub fn clear(&mut self) {
        self.list.clear();
    }

    /// How many grants there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.elements().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The list as the kernel reads it.
    pub(super) fn argument(&mut self, count: u32) -> *mut ioctl_gntdev_map_grant_ref {
        self.list
            .argument(&ioctl_gntdev_map_grant_ref { count, ..ioctl_gntdev_map_grant_ref::ZERO })
    }

    /// The index that the kernel has written into it.
    pub(super) fn index(&self) -> u64 {
        number(self.list.head().index)
    }
}

impl Default for Grants {
    fn default() -> Self {
        Self::new()
    }
}

impl Extend<RemoteGrant> for Grants {
    fn extend<T: IntoIterator<Item = RemoteGrant>>(&mut self, grants: T) {
        grants.into_iter().for_each(|grant| self.push(grant));
    }
}

impl FromIterator<RemoteGrant> for Grants {
    fn from_iter<T: IntoIterator<Item = RemoteGrant>>(grants: T) -> Self {
        let grants = grants.into_iter();
        let mut list = Self::with_capacity(grants.size_hint().0);
        list.extend(grants);
        list
    }
}

/// A grant as the kernel names it.
pub(super) fn element(grant: RemoteGrant) -> ioctl_gntdev_grant_ref {
    ioctl_gntdev_grant_ref { domid: grant.domain.domid().0.into(), ref_: grant.reference.0 }
}
