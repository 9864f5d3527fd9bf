//! One value in a page.

use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::{self, Relaxed};
use core::sync::atomic::{AtomicU8, fence};

use xen_abi::Plain;

use super::access::ReadWrite;
use super::word::{self, Word};

/// A value of type `T` in a page that another domain may change at any time: inside the page, and
/// aligned. [`View::at`](super::View::at) returns it.
///
/// A [`Word`] is loaded, stored and modified in one access. Any other value is copied, which is not
/// atomic as a whole.
pub struct Place<'a, T, A> {
    at: NonNull<u8>,
    page: PhantomData<&'a AtomicU8>,
    value: PhantomData<fn() -> (T, A)>,
}

impl<T, A> Place<'_, T, A> {
    /// # Safety
    ///
    /// For the lifetime, a value of type `T` at `at` is aligned and inside memory that is valid for
    /// atomic loads, and, if the access is [`ReadWrite`], stores.
    #[inline]
    pub(super) const unsafe fn new(at: NonNull<u8>) -> Self {
        Self { at, page: PhantomData, value: PhantomData }
    }
}

impl<T: Plain, A> Place<'_, T, A> {
    /// Copies the value out, once.
    #[inline]
    #[must_use]
    pub fn read(&self) -> T {
        // SAFETY: `new`'s promise.
        unsafe { word::read(self.at) }
    }
}

impl<T: Plain> Place<'_, T, ReadWrite> {
    /// Copies `value` in.
    #[inline]
    pub fn write(&self, value: &T) {
        // SAFETY: `new`'s promise.
        unsafe { word::write(self.at, value) }
    }
}

impl<W: Word, A> Place<'_, W, A> {
    /// Loads the value. `order` is as for an atomic load; the part of it that concerns stores has no
    /// effect.
    #[inline]
    #[must_use]
    pub fn load(&self, order: Ordering) -> W {
        // A relaxed load and a fence, since stronger loads may write, which a read-only mapping forbids.
        // SAFETY: `new`'s promise.
        let value = unsafe { W::load(self.at) };
        fence_unless_relaxed(order);
        value
    }
}

impl<W: Word> Place<'_, W, ReadWrite> {
    /// Stores a value. `order` is as for an atomic store; the part of it that concerns loads has no
    /// effect, except that of [`SeqCst`](Ordering::SeqCst): later accesses come after the store, whatever their order
    /// is.
    #[inline]
    pub fn store(&self, value: W, order: Ordering) {
        if cfg!(all(any(target_arch = "x86", target_arch = "x86_64"), not(miri)))
            && order == Ordering::SeqCst
        {
            // A locked exchange orders as much as a fence, which is an instruction of its own and takes longer.
            self.swap(value, order);
            return;
        }
        fence_unless_relaxed(order);
        // SAFETY: `new`'s promise.
        unsafe { W::store(self.at, value) };
        if order == Ordering::SeqCst {
            fence(order);
        }
    }

    /// Stores a value, and returns the previous one.
    #[inline]
    pub fn swap(&self, value: W, order: Ordering) -> W {
        // SAFETY: `new`'s promise.
        unsafe { W::swap(self.at, value, order) }
    }

    /// Clears the bits that are not in `mask`, and returns the previous value.
    #[inline]
    pub fn fetch_and(&self, mask: W, order: Ordering) -> W {
        // SAFETY: `new`'s promise.
        unsafe { W::fetch_and(self.at, mask, order) }
    }

    /// Sets the bits that are in `mask`, and returns the previous value.
    #[inline]
    pub fn fetch_or(&self, mask: W, order: Ordering) -> W {
        // SAFETY: `new`'s promise.
        unsafe { W::fetch_or(self.at, mask, order) }
    }

    /// Adds `value`, wrapping around, and returns the previous value.
    #[inline]
    pub fn fetch_add(&self, value: W, order: Ordering) -> W {
        // SAFETY: `new`'s promise.
        unsafe { W::fetch_add(self.at, value, order) }
    }

    /// Stores `new` if the value is `current`. Returns the previous value.
    ///
    /// # Errors
    ///
    /// The current value, if it is not `current`. Then nothing is stored.
    #[inline]
    pub fn compare_exchange(
        &self,
        current: W,
        new: W,
        success: Ordering,
        failure: Ordering,
    ) -> Result<W, W> {
        // SAFETY: `new`'s promise.
        unsafe { W::compare_exchange(self.at, current, new, success, failure) }
    }
}

impl<'a, T, A, const N: usize> Place<'a, [T; N], A> {
    /// The element with this index, or `None` if there are not so many.
    #[inline]
    #[must_use]
    pub const fn element(&self, index: usize) -> Option<Place<'a, T, A>> {
        if index >= N {
            return None;
        }
        // SAFETY: inside the array.
        Some(unsafe { Place::new(self.at.add(index * size_of::<T>())) })
    }
}

/// The fence that an ordering adds to a relaxed access.
#[inline]
fn fence_unless_relaxed(order: Ordering) {
    if order != Relaxed {
        fence(order);
    }
}

impl<T, A> Clone for Place<'_, T, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, A> Copy for Place<'_, T, A> {}

impl<T, A> fmt::Debug for Place<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.at).finish()
    }
}

// SAFETY: every access is atomic.
unsafe impl<T, A> Send for Place<'_, T, A> {}
// SAFETY: every access is atomic.
unsafe impl<T, A> Sync for Place<'_, T, A> {}
