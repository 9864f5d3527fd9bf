//! References allocated in advance.

use core::fmt;

use xen_abi::grant_table::grant_ref_t;

use super::free::FreeRef;
use super::grants::{FreeBatch, Grants, TakeBatch};
use crate::Failed;
use crate::gnttab::references::AllocHint;

/// References allocated in advance, as many as the caller's slice holds. Dropping the pool frees those
/// that are left.
///
/// Claiming and releasing access no memory that other CPUs use.
#[must_use = "dropping it frees the references"]
pub struct RefPool<'t, 'b, P> {
    grants: &'t Grants<'t, P>,
    refs: &'b mut [grant_ref_t],
    left: usize,
}

impl<'t, 'b, P> RefPool<'t, 'b, P> {
    pub(crate) const fn new(grants: &'t Grants<'t, P>, refs: &'b mut [grant_ref_t]) -> Self {
        Self { grants, refs, left: 0 }
    }

    /// Fills the slice, or returns how many references are missing.
    pub(crate) fn fill(&mut self, hint: &mut AllocHint) -> Result<(), usize> {
        let mut take = TakeBatch::new(self.grants);
        loop {
            let empty = self.refs.get_mut(self.left..).unwrap_or_default();
            if empty.is_empty() {
                return Ok(());
            }
            let missing = empty.len();
            let mut refs = take.word(hint, missing).ok_or(missing)?;
            for place in empty {
                let Some(owned) = refs.first() else { break };
                refs.remove_first();
                *place = owned.reference();
                self.left += 1;
            }
        }
    }

    /// How many references are left.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.left
    }

    /// Takes a reference out of the pool, if one is left.
    pub fn claim(&mut self) -> Option<FreeRef<'t, P>> {
        let left = self.left.checked_sub(1)?;
        let reference = self.refs.get(left)?.0;
        self.left = left;
        #[allow(unsafe_code, reason = "vouches for a reference")]
        // SAFETY: it was in the pool, and is no longer.
        let owned = unsafe { self.grants.owned_ref(reference) };
        Some(FreeRef::new(owned))
    }

    /// Puts a reference into the pool.
    ///
    /// # Errors
    ///
    /// [`ReleaseError`] if the pool is full, or the reference is another table's; the reference is
    /// returned.
    pub fn release(
        &mut self,
        free: FreeRef<'t, P>,
    ) -> Result<(), Failed<ReleaseError, FreeRef<'t, P>>> {
        if !core::ptr::eq(free.owned_ref().grants(), self.grants) {
            return Err(Failed::returning(ReleaseError::OtherTable, free));
        }
        let Some(place) = self.refs.get_mut(self.left) else {
            return Err(Failed::returning(ReleaseError::Full, free));
        };
        *place = free.into_owned_ref().reference();
        self.left += 1;
        Ok(())
    }
}

/// Why a reference was not put into a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReleaseError {
    /// The caller's slice is full.
    Full,
    /// The reference belongs to another table.
    OtherTable,
}

impl fmt::Display for ReleaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the pool of references is full: drop the reference instead",
            Self::OtherTable => "the reference belongs to another grant table",
        })
    }
}

impl core::error::Error for ReleaseError {}

impl<P> Drop for RefPool<'_, '_, P> {
    fn drop(&mut self) {
        let mut freed = FreeBatch::new(self.grants.refs());
        for reference in self.refs.iter().take(self.left) {
            freed.add(reference.0);
        }
    }
}

impl<P> fmt::Debug for RefPool<'_, '_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefPool")
            .field("left", &self.left)
            .field("capacity", &self.refs.len())
            .finish()
    }
}
