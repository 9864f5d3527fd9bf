//! References put aside, for when there may be none.

use core::fmt;

use xen_abi::grant_table::grant_ref_t;

use super::free::FreeRef;
use super::grants::{Freeing, Grants, Taking};
use super::refs::AllocHint;

/// References that only its holder takes: as many as there is room for in the caller's slice, taken
/// from the table all at once. Dropping it frees those that are left.
///
/// Claiming and releasing touch no memory that others use.
#[must_use = "dropped, the references are free again"]
pub struct RefPool<'t, 'b, P> {
    grants: &'t Grants<'t, P>,
    refs: &'b mut [grant_ref_t],
    left: usize,
}

impl<'t, 'b, P> RefPool<'t, 'b, P> {
    pub(crate) const fn new(grants: &'t Grants<'t, P>, refs: &'b mut [grant_ref_t]) -> Self {
        Self { grants, refs, left: 0 }
    }

    /// Fills what room is left, or tells how much of it.
    pub(crate) fn fill(&mut self, cursor: &mut AllocHint) -> Result<(), usize> {
        let mut taking = Taking::new(self.grants);
        loop {
            let empty = self.refs.get_mut(self.left..).unwrap_or_default();
            if empty.is_empty() {
                return Ok(());
            }
            let missing = empty.len();
            let mut held = taking.word(cursor, missing).ok_or(missing)?;
            for room in empty {
                let Some(own) = held.first() else { break };
                held.remove_first();
                *room = own.reference();
                self.left += 1;
            }
        }
    }

    /// How many references are left.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.left
    }

    /// Takes one out, if one is left.
    pub fn claim(&mut self) -> Option<FreeRef<'t, P>> {
        let left = self.left.checked_sub(1)?;
        let reference = self.refs.get(left)?.0;
        self.left = left;
        #[allow(unsafe_code, reason = "vouches for a reference")]
        // SAFETY: it was in the reserve, and is no longer.
        let own = unsafe { self.grants.own(reference) };
        Some(FreeRef::new(own))
    }

    /// Puts one in.
    ///
    /// # Errors
    ///
    /// The reference again, if there is no room, or if it is another table's.
    pub fn release(&mut self, free: FreeRef<'t, P>) -> Result<(), FreeRef<'t, P>> {
        match self.refs.get_mut(self.left) {
            Some(room) if core::ptr::eq(free.own().grants(), self.grants) => {
                *room = free.into_own().reference();
                self.left += 1;
                Ok(())
            }
            _ => Err(free),
        }
    }
}

impl<P> Drop for RefPool<'_, '_, P> {
    fn drop(&mut self) {
        let mut freeing = Freeing::new(self.grants.refs());
        for reference in self.refs.iter().take(self.left) {
            freeing.add(reference.0);
        }
    }
}

impl<P> fmt::Debug for RefPool<'_, '_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefPool").field("left", &self.left).field("room", &self.refs.len()).finish()
    }
}
