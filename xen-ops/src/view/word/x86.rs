//! Words on x86, 32 and 64 bits.
//!
//! An aligned access is single-copy atomic, loads acquire and stores release, and a locked instruction
//! orders everything: so the ordering of a modification makes no difference to the instruction.

use core::arch::asm;
use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use super::Word;
use super::sealed::Sealed;

/// A modification that has no instruction which returns the previous value.
macro_rules! exchanged {
    ($at:ident, $value:ident, $operation:literal, $class:ident, $size:literal, $accumulator:tt) => {{
        let previous;
        // SAFETY: the caller's promise.
        unsafe {
            asm!(
                concat!("mov ", $accumulator, ", [{at}]"),
                "2:",
                concat!("mov {new", $size, "}, ", $accumulator),
                concat!($operation, " {new", $size, "}, {value", $size, "}"),
                concat!("lock cmpxchg [{at}], {new", $size, "}"),
                "jne 2b",
                at = in(reg) $at.as_ptr(),
                value = in($class) $value,
                new = out($class) _,
                out($accumulator) previous,
                options(nostack),
            );
        }
        previous
    }};
}

/// Each word: the class of its registers, how they are written, and the accumulator.
macro_rules! words {
    ($($word:ty, $class:ident, $size:literal, $accumulator:tt;)*) => {$(
        impl Sealed for $word {
            #[inline]
            unsafe fn load(at: NonNull<u8>) -> Self {
                let value;
                // SAFETY: the caller's promise.
                unsafe {
                    asm!(
                        concat!("mov {value", $size, "}, [{at}]"),
                        at = in(reg) at.as_ptr(),
                        value = lateout($class) value,
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
                        concat!("mov [{at}], {value", $size, "}"),
                        at = in(reg) at.as_ptr(),
                        value = in($class) value,
                        options(nostack, preserves_flags),
                    );
                }
            }

            #[inline]
            unsafe fn swap(at: NonNull<u8>, value: Self, _: Ordering) -> Self {
                let previous;
                // SAFETY: the caller's promise.
                unsafe {
                    asm!(
                        concat!("xchg [{at}], {value", $size, "}"),
                        at = in(reg) at.as_ptr(),
                        value = inout($class) value => previous,
                        options(nostack, preserves_flags),
                    );
                }
                previous
            }

            #[inline]
            unsafe fn fetch_and(at: NonNull<u8>, value: Self, _: Ordering) -> Self {
                exchanged!(at, value, "and", $class, $size, $accumulator)
            }

            #[inline]
            unsafe fn fetch_or(at: NonNull<u8>, value: Self, _: Ordering) -> Self {
                exchanged!(at, value, "or", $class, $size, $accumulator)
            }

            #[inline]
            unsafe fn fetch_add(at: NonNull<u8>, value: Self, _: Ordering) -> Self {
                let previous;
                // SAFETY: the caller's promise.
                unsafe {
                    asm!(
                        concat!("lock xadd [{at}], {value", $size, "}"),
                        at = in(reg) at.as_ptr(),
                        value = inout($class) value => previous,
                        options(nostack),
                    );
                }
                previous
            }

            #[inline]
            unsafe fn compare_exchange(
                at: NonNull<u8>,
                current: Self,
                new: Self,
                _: Ordering,
                _: Ordering,
            ) -> Result<Self, Self> {
                let (previous, is_exchanged): (Self, u8);
                // SAFETY: the caller's promise.
                unsafe {
                    asm!(
                        concat!("lock cmpxchg [{at}], {new", $size, "}"),
                        "sete {is_exchanged}",
                        at = in(reg) at.as_ptr(),
                        new = in($class) new,
                        inout($accumulator) current => previous,
                        is_exchanged = lateout(reg_byte) is_exchanged,
                        options(nostack),
                    );
                }
                #[allow(clippy::transmute_int_to_bool, reason = "a comparison is two instructions")]
                // SAFETY: `sete` makes it 0 or 1.
                let is_exchanged = unsafe { core::mem::transmute::<u8, bool>(is_exchanged) };
                if is_exchanged { Ok(previous) } else { Err(previous) }
            }
        }

        impl Word for $word {}
    )*};
}

words! {
    u8, reg_byte, "", "al";
    u16, reg, ":x", "ax";
    u32, reg, ":e", "eax";
}

#[cfg(target_pointer_width = "64")]
words! {
    u64, reg, "", "rax";
}
