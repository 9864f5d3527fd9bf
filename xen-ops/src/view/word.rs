//! Integers that are accessed in one piece.

use core::ptr::NonNull;
#[cfg(target_pointer_width = "64")]
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{self, Relaxed};
use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32};

use xen_abi::Plain;

/// An integer that is read and written in one access: `u8`, `u16`, `u32`, and on 64-bit processors
/// `u64`.
///
/// 32-bit x86 reads 64 bits at once only by writing them, which a read-only page does not allow.
pub trait Word: sealed::Sealed + Copy {}

pub(super) mod sealed {
    use super::{NonNull, Ordering};

    /// Access to a word in a page.
    ///
    /// # Safety
    ///
    /// For all functions, `at` is aligned and inside memory that is valid for atomic loads, and, for all
    /// but `load`, for atomic stores.
    pub trait Sealed: Sized {
        unsafe fn load(at: NonNull<u8>) -> Self;
        unsafe fn store(at: NonNull<u8>, value: Self);
        unsafe fn swap(at: NonNull<u8>, value: Self, order: Ordering) -> Self;
        unsafe fn fetch_and(at: NonNull<u8>, value: Self, order: Ordering) -> Self;
        unsafe fn fetch_or(at: NonNull<u8>, value: Self, order: Ordering) -> Self;
        unsafe fn fetch_add(at: NonNull<u8>, value: Self, order: Ordering) -> Self;
        unsafe fn compare_exchange(
            at: NonNull<u8>,
            current: Self,
            new: Self,
            success: Ordering,
            failure: Ordering,
        ) -> Result<Self, Self>;
    }
}

macro_rules! words {
    ($($word:ty, $atomic:ty;)*) => {$(
        // SAFETY (of all blocks): the caller's promise.
        #[allow(clippy::undocumented_unsafe_blocks, reason = "argued once for all functions")]
        impl sealed::Sealed for $word {
            #[inline]
            unsafe fn load(at: NonNull<u8>) -> Self {
                unsafe { at.cast::<$atomic>().as_ref() }.load(Relaxed)
            }

            #[inline]
            unsafe fn store(at: NonNull<u8>, value: Self) {
                unsafe { at.cast::<$atomic>().as_ref() }.store(value, Relaxed);
            }

            #[inline]
            unsafe fn swap(at: NonNull<u8>, value: Self, order: Ordering) -> Self {
                unsafe { at.cast::<$atomic>().as_ref() }.swap(value, order)
            }

            #[inline]
            unsafe fn fetch_and(at: NonNull<u8>, value: Self, order: Ordering) -> Self {
                unsafe { at.cast::<$atomic>().as_ref() }.fetch_and(value, order)
            }

            #[inline]
            unsafe fn fetch_or(at: NonNull<u8>, value: Self, order: Ordering) -> Self {
                unsafe { at.cast::<$atomic>().as_ref() }.fetch_or(value, order)
            }

            #[inline]
            unsafe fn fetch_add(at: NonNull<u8>, value: Self, order: Ordering) -> Self {
                unsafe { at.cast::<$atomic>().as_ref() }.fetch_add(value, order)
            }

            #[inline]
            unsafe fn compare_exchange(
                at: NonNull<u8>,
                current: Self,
                new: Self,
                success: Ordering,
                failure: Ordering,
            ) -> Result<Self, Self> {
                unsafe { at.cast::<$atomic>().as_ref() }
                    .compare_exchange(current, new, success, failure)
            }
        }

        impl Word for $word {}
    )*};
}

words! {
    u8, AtomicU8;
    u16, AtomicU16;
    u32, AtomicU32;
}

#[cfg(target_pointer_width = "64")]
words! {
    u64, AtomicU64;
}

#[cfg(target_pointer_width = "64")]
type Widest = u64;
#[cfg(not(target_pointer_width = "64"))]
type Widest = u32;

/// Copies a value out of a page, in words as wide as its alignment.
///
/// # Safety
///
/// A value of type `T` at `at` is aligned and inside memory that is valid for atomic loads.
#[inline]
pub(super) unsafe fn read<T: Plain>(at: NonNull<u8>) -> T {
    #[inline]
    unsafe fn copy<T: Plain, W: Word>(at: NonNull<u8>) -> T {
        let mut value = xen_abi::zeroed::<T>();
        let to = NonNull::from(&mut value).cast::<u8>();
        for offset in (0..size_of::<T>()).step_by(size_of::<W>()) {
            // SAFETY: both are inside a value, whose alignment is that of a word or more. Any bytes are
            // a plain value.
            unsafe { to.add(offset).cast::<W>().write(W::load(at.add(offset))) };
        }
        value
    }
    // SAFETY: the caller's promise.
    unsafe {
        match align_of::<T>() {
            1 => copy::<T, u8>(at),
            2 => copy::<T, u16>(at),
            4 => copy::<T, u32>(at),
            _ => copy::<T, Widest>(at),
        }
    }
}

/// Copies a value into a page, in words as wide as its alignment.
///
/// # Safety
///
/// As for [`read`], and the memory is valid for atomic stores.
#[inline]
pub(super) unsafe fn write<T: Plain>(at: NonNull<u8>, value: &T) {
    #[inline]
    unsafe fn copy<T: Plain, W: Word>(at: NonNull<u8>, value: &T) {
        let from = NonNull::from(value).cast::<u8>();
        for offset in (0..size_of::<T>()).step_by(size_of::<W>()) {
            // SAFETY: both are inside a value, whose alignment is that of a word or more. No byte of a
            // plain value is padding.
            unsafe { W::store(at.add(offset), from.add(offset).cast::<W>().read()) };
        }
    }
    // SAFETY: the caller's promise.
    unsafe {
        match align_of::<T>() {
            1 => copy::<T, u8>(at, value),
            2 => copy::<T, u16>(at, value),
            4 => copy::<T, u32>(at, value),
            _ => copy::<T, Widest>(at, value),
        }
    }
}
