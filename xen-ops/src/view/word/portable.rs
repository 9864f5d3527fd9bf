//! Words by Rust's own atomics, for Miri and for architectures without assembly here.
//!
//! Rust defines no result for two accesses of different sizes to the same bytes at the same time, unless
//! both read. So every access is one of a whole granule, whose size is the same for all words. It is what
//! the assembly of the other files does, in terms that Miri can check.

use core::ptr::NonNull;
use core::sync::atomic::Ordering::{self, Relaxed};
use core::sync::atomic::{AtomicUsize, fence};

use super::acquires;

/// A word as part of its granule.
struct Part<'a> {
    granule: &'a AtomicUsize,
    shift: usize,
    mask: usize,
}

impl Part<'_> {
    /// # Safety
    ///
    /// A word of `size` bytes at `at` is aligned and inside a page that is valid for atomic loads.
    unsafe fn new(at: NonNull<u8>, size: usize) -> Self {
        const GRANULE: usize = size_of::<AtomicUsize>();
        let offset = at.addr().get() % GRANULE;
        let from_low_end =
            if cfg!(target_endian = "big") { GRANULE - size - offset } else { offset };
        // SAFETY: a page consists of whole granules.
        let granule = unsafe { at.sub(offset).cast().as_ref() };
        Self { granule, shift: 8 * from_low_end, mask: usize::MAX >> (8 * (GRANULE - size)) }
    }

    fn of(&self, whole: usize) -> usize {
        whole >> self.shift & self.mask
    }
}

/// Loads a word of `size` bytes.
///
/// # Safety
///
/// As [`Part::new`].
pub(super) unsafe fn load(at: NonNull<u8>, size: usize) -> usize {
    // SAFETY: the caller's promise.
    let part = unsafe { Part::new(at, size) };
    part.of(part.granule.load(Relaxed))
}

/// Replaces a word of `size` bytes by what `change` makes of it, and returns the previous one.
///
/// # Errors
///
/// The current value, if `change` gives none. Then nothing is stored, and the ordering is `failure`.
///
/// # Safety
///
/// As [`Part::new`], and the page is valid for atomic stores.
pub(super) unsafe fn modify(
    at: NonNull<u8>,
    size: usize,
    [success, failure]: [Ordering; 2],
    change: impl Fn(usize) -> Option<usize>,
) -> Result<usize, usize> {
    // SAFETY: the caller's promise.
    let part = unsafe { Part::new(at, size) };
    let mut whole = part.granule.load(Relaxed);
    loop {
        let Some(new) = change(part.of(whole)) else {
            if acquires(failure) {
                fence(failure);
            }
            return Err(part.of(whole));
        };
        let next = whole & !(part.mask << part.shift) | (new & part.mask) << part.shift;
        match part.granule.compare_exchange_weak(whole, next, success, Relaxed) {
            Ok(_) => return Ok(part.of(whole)),
            Err(now) => whole = now,
        }
    }
}

#[cfg(any(
    miri,
    not(any(
        target_arch = "x86",
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "arm"
    ))
))]
mod words {
    use super::super::Word;
    use super::super::sealed::Sealed;
    use super::{NonNull, Ordering, Relaxed, load, modify};

    macro_rules! words {
        ($($word:ty),*) => {$(
            // SAFETY (of all blocks): the caller's promise.
            #[allow(clippy::undocumented_unsafe_blocks, reason = "argued once for all functions")]
            impl Sealed for $word {
                unsafe fn load(at: NonNull<u8>) -> Self {
                    unsafe { load(at, size_of::<Self>()) as Self }
                }

                unsafe fn store(at: NonNull<u8>, value: Self) {
                    unsafe { Self::swap(at, value, Relaxed) };
                }

                unsafe fn swap(at: NonNull<u8>, value: Self, order: Ordering) -> Self {
                    unsafe { always(at, order, |_| value) }
                }

                unsafe fn fetch_and(at: NonNull<u8>, value: Self, order: Ordering) -> Self {
                    unsafe { always(at, order, |previous: Self| previous & value) }
                }

                unsafe fn fetch_or(at: NonNull<u8>, value: Self, order: Ordering) -> Self {
                    unsafe { always(at, order, |previous: Self| previous | value) }
                }

                unsafe fn fetch_add(at: NonNull<u8>, value: Self, order: Ordering) -> Self {
                    unsafe { always(at, order, |previous: Self| previous.wrapping_add(value)) }
                }

                unsafe fn compare_exchange(
                    at: NonNull<u8>,
                    current: Self,
                    new: Self,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<Self, Self> {
                    let change = |now| (now == current as usize).then_some(new as usize);
                    unsafe { modify(at, size_of::<Self>(), [success, failure], change) }
                        .map(|previous| previous as Self)
                        .map_err(|now| now as Self)
                }
            }

            impl Word for $word {}

            impl Number for $word {
                fn from(bits: usize) -> Self {
                    bits as Self
                }

                fn bits(self) -> usize {
                    self as usize
                }
            }
        )*};
    }

    trait Number: Copy {
        fn from(bits: usize) -> Self;
        fn bits(self) -> usize;
    }

    /// # Safety
    ///
    /// As [`modify`].
    unsafe fn always<W: Number>(at: NonNull<u8>, order: Ordering, change: impl Fn(W) -> W) -> W {
        let change = |bits| Some(change(W::from(bits)).bits());
        // SAFETY: the caller's promise.
        match unsafe { modify(at, size_of::<W>(), [order, Relaxed], change) } {
            Ok(bits) | Err(bits) => W::from(bits),
        }
    }

    words!(u8, u16, u32);
    #[cfg(target_pointer_width = "64")]
    words!(u64);
}
