//! Words on 32-bit Arm: exclusive loads and stores, between barriers as the ordering says.

use core::arch::asm;
use core::ptr::NonNull;
use core::sync::atomic::{Ordering, fence};

use super::Word;
use super::sealed::Sealed;
use super::{acquires, releases};

/// A modification: which register is stored, and, if it is a new one, the instruction that makes it of
/// `previous` and `value`.
macro_rules! modified {
    ($at:ident, $value:ident, $order:ident, $suffix:literal, $stored:ident,
     $($new:ident = $operation:literal)?) => {{
        let previous;
        if releases($order) {
            fence($order);
        }
        // SAFETY: the caller's promise.
        unsafe {
            asm!(
                "2:",
                concat!("ldrex", $suffix, " {previous}, [{at}]"),
                $(concat!($operation, " {", stringify!($new), "}, {previous}, {value}"),)?
                concat!("strex", $suffix, " {failed}, {", stringify!($stored), "}, [{at}]"),
                "cmp {failed}, #0",
                "bne 2b",
                at = in(reg) $at.as_ptr(),
                value = in(reg) $value,
                previous = out(reg) previous,
                failed = out(reg) _,
                $($new = out(reg) _,)?
                options(nostack),
            );
        }
        if acquires($order) {
            fence($order);
        }
        previous
    }};
}

/// Each word, and the suffix of its instructions.
macro_rules! words {
    ($($word:ty, $suffix:literal;)*) => {$(
        impl Sealed for $word {
            #[inline]
            unsafe fn load(at: NonNull<u8>) -> Self {
                let value;
                // SAFETY: the caller's promise.
                unsafe {
                    asm!(
                        concat!("ldr", $suffix, " {value}, [{at}]"),
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
                        concat!("str", $suffix, " {value}, [{at}]"),
                        at = in(reg) at.as_ptr(),
                        value = in(reg) value,
                        options(nostack, preserves_flags),
                    );
                }
            }

            #[inline]
            unsafe fn swap(at: NonNull<u8>, value: Self, order: Ordering) -> Self {
                modified!(at, value, order, $suffix, value,)
            }

            #[inline]
            unsafe fn fetch_and(at: NonNull<u8>, value: Self, order: Ordering) -> Self {
                modified!(at, value, order, $suffix, new, new = "and")
            }

            #[inline]
            unsafe fn fetch_or(at: NonNull<u8>, value: Self, order: Ordering) -> Self {
                modified!(at, value, order, $suffix, new, new = "orr")
            }

            #[inline]
            unsafe fn fetch_add(at: NonNull<u8>, value: Self, order: Ordering) -> Self {
                modified!(at, value, order, $suffix, new, new = "add")
            }

            #[inline]
            unsafe fn compare_exchange(
                at: NonNull<u8>,
                current: Self,
                new: Self,
                success: Ordering,
                failure: Ordering,
            ) -> Result<Self, Self> {
                let previous: Self;
                if releases(success) {
                    fence(success);
                }
                // SAFETY: the caller's promise.
                unsafe {
                    asm!(
                        "2:",
                        concat!("ldrex", $suffix, " {previous}, [{at}]"),
                        "cmp {previous}, {current}",
                        "bne 3f",
                        concat!("strex", $suffix, " {failed}, {new}, [{at}]"),
                        "cmp {failed}, #0",
                        "bne 2b",
                        "3:",
                        at = in(reg) at.as_ptr(),
                        // The rest of a narrow word's register would hold anything.
                        current = in(reg) u32::from(current),
                        new = in(reg) new,
                        previous = out(reg) previous,
                        failed = out(reg) _,
                        options(nostack),
                    );
                }
                let is_exchanged = previous == current;
                let order = if is_exchanged { success } else { failure };
                if acquires(order) {
                    fence(order);
                }
                if is_exchanged { Ok(previous) } else { Err(previous) }
            }
        }

        impl Word for $word {}
    )*};
}

words! {
    u8, "b";
    u16, "h";
    u32, "";
}
