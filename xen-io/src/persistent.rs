//! Grants that stay mapped.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::fmt;

use xen_abi::grant_table::grant_ref_t;
use xen_ops::gnttab::map::MapError;
use xen_ops::hypercall::Hypercall;
use xen_ops::page::MapTarget;
use xen_ops::{DomainId, Mapping, ReadWrite, RemoteGrant, view};

use crate::grants::GrantAccess;

/// Access to pages that stay mapped: a page is mapped when it is first used, and unmapped when its place is
/// needed for another. For a front end that uses the same pages again and again, and grants them to be
/// written: one with `feature-persistent`.
///
/// A front end cannot make it map more pages than there are places. While it maps a page, the front end
/// cannot end the grant.
pub struct PersistentGrants<H: Hypercall + Clone, T: MapTarget> {
    xen: H,
    peer: DomainId,
    mapped: BTreeMap<u32, Mapping<H, T, ReadWrite>>,
    free: Vec<T>,
    /// The grants that are mapped, in the order in which they lose their place.
    order: VecDeque<u32>,
}

/// Why a page cannot be accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersistentGrantsError {
    /// There is no place to map it at.
    NoPlace,
    /// The bytes are not inside a page.
    OutOfBounds(view::OutOfBounds),
    /// Xen did not map it.
    Map(MapError),
}

impl fmt::Display for PersistentGrantsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPlace => f.write_str("no place to map a grant at: pass more targets"),
            Self::OutOfBounds(error) => error.fmt(f),
            Self::Map(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for PersistentGrantsError {}

impl<H: Hypercall + Clone, T: MapTarget> PersistentGrants<H, T> {
    /// Access to grants of domain `peer`, of which as many are mapped at a time as there are `targets`.
    pub fn new(xen: H, peer: DomainId, targets: impl IntoIterator<Item = T>) -> Self {
        let free: Vec<T> = targets.into_iter().collect();
        let order = VecDeque::with_capacity(free.len());
        Self { xen, peer, mapped: BTreeMap::new(), free, order }
    }

    /// How many grants are mapped.
    #[must_use]
    pub fn mapped(&self) -> usize {
        self.mapped.len()
    }

    /// The mapping of a grant, which is made if there is none.
    fn mapping(
        &mut self,
        grant: grant_ref_t,
    ) -> Result<&Mapping<H, T, ReadWrite>, PersistentGrantsError> {
        if !self.mapped.contains_key(&grant.0) {
            let target = self.place()?;
            let remote = RemoteGrant::new(self.peer, grant);
            match Mapping::new(self.xen.clone(), remote, target, ReadWrite) {
                Ok(mapping) => {
                    self.mapped.insert(grant.0, mapping);
                    self.order.push_back(grant.0);
                }
                Err(failed) => {
                    self.free.extend(failed.returned);
                    return Err(PersistentGrantsError::Map(failed.error));
                }
            }
        }
        self.mapped.get(&grant.0).ok_or(PersistentGrantsError::NoPlace)
    }

    /// A free place, or that of the grant whose turn it is.
    fn place(&mut self) -> Result<T, PersistentGrantsError> {
        if let Some(target) = self.free.pop() {
            return Ok(target);
        }
        let oldest = self.order.pop_front().ok_or(PersistentGrantsError::NoPlace)?;
        let mapping = self.mapped.remove(&oldest).ok_or(PersistentGrantsError::NoPlace)?;
        // Xen does not refuse to unmap what is mapped; if it did, the target would stay in use.
        mapping.unmap().map_err(|_| PersistentGrantsError::NoPlace)
    }
}

impl<H: Hypercall + Clone, T: MapTarget> GrantAccess for PersistentGrants<H, T> {
    type Error = PersistentGrantsError;

    fn read(
        &mut self,
        grant: grant_ref_t,
        offset: usize,
        to: &mut [u8],
    ) -> Result<(), Self::Error> {
        let view = self.mapping(grant)?.view();
        view.read(offset, to).map_err(PersistentGrantsError::OutOfBounds)
    }

    fn write(&mut self, grant: grant_ref_t, offset: usize, from: &[u8]) -> Result<(), Self::Error> {
        let view = self.mapping(grant)?.view();
        view.write(offset, from).map_err(PersistentGrantsError::OutOfBounds)
    }
}

impl<H: Hypercall + Clone, T: MapTarget> fmt::Debug for PersistentGrants<H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersistentGrants")
            .field("peer", &self.peer)
            .field("mapped", &self.mapped.len())
            .finish_non_exhaustive()
    }
}
