//! References that are free to be granted.

use core::fmt;
use core::mem::ManuallyDrop;

use xen_abi::grant_table::grant_ref_t;

use super::grants::{Grants, OwnedRef};
use crate::gnttab::references::Proven;

/// A reference that belongs to its holder and grants nothing. Dropping it frees it.
#[must_use = "dropped, the reference is free again"]
pub struct FreeRef<'t, P> {
    owned: OwnedRef<'t, P>,
}

impl<'t, P> FreeRef<'t, P> {
    #[inline]
    pub(crate) const fn new(owned: OwnedRef<'t, P>) -> Self {
        Self { owned }
    }

    /// The reference's number.
    #[inline]
    #[must_use]
    pub const fn reference(&self) -> grant_ref_t {
        self.owned.reference()
    }

    #[inline]
    pub(crate) const fn owned_ref(&self) -> OwnedRef<'t, P> {
        self.owned
    }

    /// The reference, which is no longer freed when this is dropped.
    #[inline]
    pub(crate) fn into_owned_ref(self) -> OwnedRef<'t, P> {
        ManuallyDrop::new(self).owned
    }
}

impl<P> Drop for FreeRef<'_, P> {
    #[inline]
    fn drop(&mut self) {
        self.owned.free();
    }
}

impl<P> fmt::Debug for FreeRef<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FreeRef").field(&self.reference().0).finish()
    }
}

/// Consecutive references: an iterator over them. Dropping it frees those that are left.
#[must_use = "dropped, the references are free again"]
pub struct FreeRun<'t, P> {
    grants: &'t Grants<'t, P>,
    first: u32,
    count: u32,
}

impl<'t, P> FreeRun<'t, P> {
    /// # Safety
    ///
    /// The references were taken from these grants, and nothing else owns them.
    #[allow(unsafe_code, reason = "vouches for references")]
    pub(crate) const unsafe fn new(grants: &'t Grants<'t, P>, first: u32, count: u32) -> Self {
        Self { grants, first, count }
    }

    /// The number of the first reference that is left, if one is.
    #[must_use]
    pub const fn first(&self) -> Option<grant_ref_t> {
        if self.count == 0 { None } else { Some(grant_ref_t(self.first)) }
    }
}

impl<'t, P> Iterator for FreeRun<'t, P> {
    type Item = FreeRef<'t, P>;

    fn next(&mut self) -> Option<FreeRef<'t, P>> {
        self.count = self.count.checked_sub(1)?;
        #[allow(unsafe_code, reason = "vouches for a reference")]
        // SAFETY: it was in the run, and is no longer.
        let owned = unsafe { self.grants.owned_ref(self.first) };
        self.first += 1;
        Some(FreeRef::new(owned))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count as usize, Some(self.count as usize))
    }
}

impl<P> ExactSizeIterator for FreeRun<'_, P> {}

impl<P> Drop for FreeRun<'_, P> {
    fn drop(&mut self) {
        self.grants.refs().free_run::<Proven>(self.first, self.count);
    }
}

impl<P> fmt::Debug for FreeRun<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FreeRun").field("first", &self.first).field("count", &self.count).finish()
    }
}
