//! Integers that are accessed in one piece.
//!
//! The other side of a page accesses it with words of any size, and so may another thread: a byte of a
//! word, or two words at once. Rust has no rule for that, and its atomics may not be used for it; the
//! processors have one. So on Xen's architectures an access is an instruction of assembly, of which the
//! compiler knows no more than that it accesses memory. What the assembly does is in `portable`, in terms
//! of Rust's atomics. That is what Miri runs, and what other architectures have.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use sealed::Sealed as _;
use xen_abi::Plain;

#[cfg(all(target_arch = "aarch64", not(miri)))]
mod aarch64;
#[cfg(all(target_arch = "arm", not(miri)))]
mod arm;
pub(super) mod bulk;
#[cfg(any(
    test,
    miri,
    not(any(
        target_arch = "x86",
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "arm"
    ))
))]
mod portable;
// Miri runs the portable implementation, which these compare with.
#[cfg(all(test, not(miri)))]
mod tests;
#[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), not(miri)))]
mod x86;

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
    /// For all functions, `at` is aligned and inside a page that is valid for loads, and, for all but
    /// `load`, for stores. For as long as it is, the program accesses the page by these functions only.
    ///
    /// `load` and `store` are relaxed.
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

/// Whether an ordering forbids later accesses to move before it.
#[cfg(not(all(any(target_arch = "x86", target_arch = "x86_64"), not(any(miri, test)))))]
const fn acquires(order: Ordering) -> bool {
    matches!(order, Ordering::Acquire | Ordering::AcqRel | Ordering::SeqCst)
}

/// Whether an ordering forbids earlier accesses to move past it.
#[cfg(all(any(target_arch = "aarch64", target_arch = "arm"), not(miri)))]
const fn releases(order: Ordering) -> bool {
    matches!(order, Ordering::Release | Ordering::AcqRel | Ordering::SeqCst)
}

#[cfg(target_pointer_width = "64")]
pub(super) type Widest = u64;
#[cfg(not(target_pointer_width = "64"))]
pub(super) type Widest = u32;

/// The most that one instruction of a copy moves. With SSE2 or AVX, which kernels do without, it is wider than a word,
/// and the processor may move each word on its own.
#[cfg(all(target_arch = "x86_64", target_feature = "avx", not(miri)))]
type Unit = core::arch::x86_64::__m256i;
#[cfg(all(
    target_arch = "x86_64",
    target_feature = "sse2",
    not(target_feature = "avx"),
    not(miri)
))]
type Unit = core::arch::x86_64::__m128i;
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
type Unit = Widest;

/// What a copy moves at a time.
type Block = [Unit; 4];

/// Copies a value out of a page: what is aligned as a word is in blocks, units and words, other values in words as wide
/// as their alignment.
///
/// # Safety
///
/// A value of type `T` at `at` is aligned and inside a page, as for [`Sealed::load`](sealed::Sealed::load).
#[inline]
pub(super) unsafe fn read<T: Plain>(at: NonNull<u8>) -> T {
    /// The bytes from `offset` on, as many pieces as fit.
    #[inline]
    unsafe fn copy<T, P>(
        at: NonNull<u8>,
        to: NonNull<u8>,
        offset: &mut usize,
        load: unsafe fn(NonNull<u8>) -> P,
    ) {
        while *offset + size_of::<P>() <= size_of::<T>() {
            // SAFETY: both are inside a value, of which any bytes are plain.
            unsafe { to.add(*offset).cast::<P>().write_unaligned(load(at.add(*offset))) };
            *offset += size_of::<P>();
        }
    }
    let mut value = xen_abi::zeroed::<T>();
    let to = NonNull::from(&mut value).cast::<u8>();
    let mut done = 0;
    // SAFETY: the caller's promise; each piece is as aligned as its kind needs.
    unsafe {
        match align_of::<T>() {
            1 => copy::<T, u8>(at, to, &mut done, u8::load),
            2 => copy::<T, u16>(at, to, &mut done, u16::load),
            align if align < align_of::<Widest>() => copy::<T, u32>(at, to, &mut done, u32::load),
            _ => {
                copy::<T, Block>(at, to, &mut done, bulk::load_block);
                copy::<T, Unit>(at, to, &mut done, bulk::load_unit);
                copy::<T, Widest>(at, to, &mut done, Widest::load);
            }
        }
    }
    value
}

/// Copies a value into a page, as [`read`] does out of it.
///
/// # Safety
///
/// As for [`read`], and the page is valid for stores.
#[inline]
pub(super) unsafe fn write<T: Plain>(at: NonNull<u8>, value: &T) {
    #[inline]
    unsafe fn copy<T, P>(
        at: NonNull<u8>,
        from: NonNull<u8>,
        offset: &mut usize,
        store: unsafe fn(NonNull<u8>, P),
    ) {
        while *offset + size_of::<P>() <= size_of::<T>() {
            // SAFETY: both are inside a value, no byte of which is padding.
            unsafe { store(at.add(*offset), from.add(*offset).cast::<P>().read_unaligned()) };
            *offset += size_of::<P>();
        }
    }
    let from = NonNull::from(value).cast::<u8>();
    let mut done = 0;
    // SAFETY: the caller's promise; each piece is as aligned as its kind needs.
    unsafe {
        match align_of::<T>() {
            1 => copy::<T, u8>(at, from, &mut done, u8::store),
            2 => copy::<T, u16>(at, from, &mut done, u16::store),
            align if align < align_of::<Widest>() => {
                copy::<T, u32>(at, from, &mut done, u32::store);
            }
            _ => {
                copy::<T, Block>(at, from, &mut done, bulk::store_block);
                copy::<T, Unit>(at, from, &mut done, bulk::store_unit);
                copy::<T, Widest>(at, from, &mut done, Widest::store);
            }
        }
    }
}
