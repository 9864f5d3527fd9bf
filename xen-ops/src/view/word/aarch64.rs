//! Words on AArch64: exclusive loads and stores, which acquire and release as the ordering says.

use core::arch::asm;
use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use super::Block;
use super::Word;
use super::sealed::Sealed;
use super::{acquires, releases};

/// A modification: which register is stored, and, if it is a new one, the instruction that makes it of
/// `previous` and `value`.
macro_rules! modified {
    ($at:ident, $value:ident, $order:ident, $width:literal, $suffix:literal, $stored:ident,
     $($new:ident = $operation:literal)?) => {
        match (acquires($order), releases($order)) {
            (false, false) => {
                modified!($at, $value, ("", ""), $width, $suffix, $stored, $($new = $operation)?)
            }
            (true, false) => {
                modified!($at, $value, ("a", ""), $width, $suffix, $stored, $($new = $operation)?)
            }
            (false, true) => {
                modified!($at, $value, ("", "l"), $width, $suffix, $stored, $($new = $operation)?)
            }
            (true, true) => {
                modified!($at, $value, ("a", "l"), $width, $suffix, $stored, $($new = $operation)?)
            }
        }
    };
    ($at:ident, $value:ident, ($acquire:literal, $release:literal), $width:literal,
     $suffix:literal, $stored:ident, $($new:ident = $operation:literal)?) => {{
        let previous;
        // SAFETY: the caller's promise.
        unsafe {
            asm!(
                "2:",
                concat!("ld", $acquire, "xr", $suffix, " {previous:", $width, "}, [{at}]"),
                $(concat!(
                    $operation, " {", stringify!($new), ":", $width, "}, {previous:", $width,
                    "}, {value:", $width, "}"
                ),)?
                concat!(
                    "st", $release, "xr", $suffix, " {failed:w}, {", stringify!($stored), ":",
                    $width, "}, [{at}]"
                ),
                "cbnz {failed:w}, 2b",
                at = in(reg) $at.as_ptr(),
                value = in(reg) $value,
                previous = out(reg) previous,
                failed = out(reg) _,
                $($new = out(reg) _,)?
                options(nostack, preserves_flags),
            );
        }
        previous
    }};
}

/// A comparison and exchange.
macro_rules! compared {
    ($at:ident, $current:ident, $new:ident, $acquire:literal, $release:literal, $width:literal,
     $suffix:literal, $extend:literal) => {{
        let previous;
        // SAFETY: the caller's promise.
        unsafe {
            asm!(
                "2:",
                concat!("ld", $acquire, "xr", $suffix, " {previous:", $width, "}, [{at}]"),
                // The rest of a narrow word's register holds anything.
                concat!("cmp {previous:", $width, "}, {current:", $width, "}", $extend),
                "b.ne 3f",
                concat!("st", $release, "xr", $suffix, " {failed:w}, {new:", $width, "}, [{at}]"),
                "cbnz {failed:w}, 2b",
                "3:",
                at = in(reg) $at.as_ptr(),
                current = in(reg) $current,
                new = in(reg) $new,
                previous = out(reg) previous,
                failed = out(reg) _,
                options(nostack),
            );
        }
        previous
    }};
}

/// Each word: the width of its registers, the suffix of its instructions, and how it is extended.
macro_rules! words {
    ($($word:ty, $width:literal, $suffix:literal, $extend:literal;)*) => {$(
        impl Sealed for $word {
            #[inline]
            unsafe fn load(at: NonNull<u8>) -> Self {
                let value;
                // SAFETY: the caller's promise.
                unsafe {
                    asm!(
                        concat!("ldr", $suffix, " {value:", $width, "}, [{at}]"),
                        at = in(reg) at.as_ptr(),
                        value = lateout(reg) value,
                        options(nostack, preserves_flags, readonly),
                    );
                }
                value
            }

            #[inline]
            unsafe fn store(at: NonNull<u8>, value: Self) {
                // SAFETY: the caller's promise.
                unsafe {
                    asm!(
                        concat!("str", $suffix, " {value:", $width, "}, [{at}]"),
                        at = in(reg) at.as_ptr(),
                        value = in(reg) value,
                        options(nostack, preserves_flags),
                    );
                }
            }

            #[inline]
            unsafe fn swap(at: NonNull<u8>, value: Self, order: Ordering) -> Self {
                modified!(at, value, order, $width, $suffix, value,)
            }

            #[inline]
            unsafe fn fetch_and(at: NonNull<u8>, value: Self, order: Ordering) -> Self {
                modified!(at, value, order, $width, $suffix, new, new = "and")
            }

            #[inline]
            unsafe fn fetch_or(at: NonNull<u8>, value: Self, order: Ordering) -> Self {
                modified!(at, value, order, $width, $suffix, new, new = "orr")
            }

            #[inline]
            unsafe fn fetch_add(at: NonNull<u8>, value: Self, order: Ordering) -> Self {
                modified!(at, value, order, $width, $suffix, new, new = "add")
            }

            #[inline]
            unsafe fn compare_exchange(
                at: NonNull<u8>,
                current: Self,
                new: Self,
                success: Ordering,
                failure: Ordering,
            ) -> Result<Self, Self> {
                let previous = match (acquires(success) || acquires(failure), releases(success)) {
                    (false, false) => compared!(at, current, new, "", "", $width, $suffix, $extend),
                    (true, false) => compared!(at, current, new, "a", "", $width, $suffix, $extend),
                    (false, true) => compared!(at, current, new, "", "l", $width, $suffix, $extend),
                    (true, true) => compared!(at, current, new, "a", "l", $width, $suffix, $extend),
                };
                if previous == current { Ok(previous) } else { Err(previous) }
            }
        }

        impl Word for $word {}
    )*};
}

words! {
    u8, "w", "b", ", uxtb";
    u16, "w", "h", ", uxth";
    u32, "w", "", "";
    u64, "x", "", "";
}

/// Loads four words. Of a pair, each is accessed at once.
///
/// # Safety
///
/// As for [`Sealed::load`], of each.
#[inline]
pub(super) unsafe fn load_block(at: NonNull<u8>) -> Block {
    let (first, second, third, fourth);
    // SAFETY: the caller's promise.
    unsafe {
        asm!(
            "ldp {first}, {second}, [{at}]",
            "ldp {third}, {fourth}, [{at}, #16]",
            at = in(reg) at.as_ptr(),
            // The first pair is there before the address is needed for the last time.
            first = out(reg) first,
            second = out(reg) second,
            third = lateout(reg) third,
            fourth = lateout(reg) fourth,
            options(nostack, preserves_flags, readonly),
        );
    }
    [first, second, third, fourth]
}

/// Stores four words. Of a pair, each is accessed at once.
///
/// # Safety
///
/// As for [`Sealed::store`], of each.
#[inline]
pub(super) unsafe fn store_block(at: NonNull<u8>, [first, second, third, fourth]: Block) {
    // SAFETY: the caller's promise.
    unsafe {
        asm!(
            "stp {first}, {second}, [{at}]",
            "stp {third}, {fourth}, [{at}, #16]",
            at = in(reg) at.as_ptr(),
            first = in(reg) first,
            second = in(reg) second,
            third = in(reg) third,
            fourth = in(reg) fourth,
            options(nostack, preserves_flags),
        );
    }
}
