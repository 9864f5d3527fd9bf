//! A cache of targets.

use core::fmt;

use super::Targets;
use crate::Failed;
use crate::gnttab::map::Full;
use crate::page::{Exhausted, MapTarget, check_is_movable};

/// Up to `N` targets that are kept for the next mappings instead of being returned to their source.
///
/// ```
/// # use core::{ptr::{self, NonNull}, sync::atomic::AtomicUsize};
/// # use xen_ops::gnttab::target::{Cache, Pool};
/// # let words = [AtomicUsize::new(0)];
/// # let virt = NonNull::new(ptr::with_exposed_provenance_mut(0x7000_0000)).unwrap();
/// # // SAFETY: nothing is ever mapped.
/// # let pool = unsafe { Pool::new(0x4000_0000, virt, 10, &words)? };
/// let mut cache = Cache::<_, 2>::new();
/// let target = cache.take(&pool).unwrap();
/// cache.put(target).unwrap();
/// assert_eq!((cache.len(), pool.free()), (1, 9));
/// cache.shrink(0);
/// assert_eq!((cache.len(), pool.free()), (0, 10));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Cache<T, const N: usize> {
    kept: [Option<T>; N],
    len: usize,
}

impl<T: MapTarget, const N: usize> Cache<T, N> {
    /// An empty cache.
    #[must_use]
    pub const fn new() -> Self {
        check_is_movable::<T>();
        Self { kept: [const { None }; N], len: 0 }
    }

    /// The target that was put here last, or a new one from `source`.
    ///
    /// # Errors
    ///
    /// [`Exhausted`] if neither has one.
    pub fn take<'s, S>(&mut self, source: &'s S) -> Result<T, Exhausted>
    where
        S: Targets<Target<'s> = T>,
    {
        self.pop().map_or_else(|| source.take(), Ok)
    }

    /// Keeps a target.
    ///
    /// # Errors
    ///
    /// [`Full`] if the cache is full; the target is returned.
    pub fn put(&mut self, target: T) -> Result<(), Failed<Full, T>> {
        match self.kept.get_mut(self.len) {
            Some(place) => {
                *place = Some(target);
                self.len += 1;
                Ok(())
            }
            None => Err(Failed::returning(Full, target)),
        }
    }

    /// Drops targets until no more than `keep` are left.
    pub fn shrink(&mut self, keep: usize) {
        while self.len > keep {
            self.pop();
        }
    }

    /// How many targets are kept.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether no target is kept.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn pop(&mut self) -> Option<T> {
        let last = self.len.checked_sub(1)?;
        self.len = last;
        self.kept.get_mut(last)?.take()
    }
}

impl<T: MapTarget, const N: usize> Default for Cache<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, const N: usize> fmt::Debug for Cache<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cache({} of {N})", self.len)
    }
}
