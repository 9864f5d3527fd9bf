//! Words on x86, 32 and 64 bits.
//!
//! An aligned access is single-copy atomic, loads acquire and stores release, and a locked instruction
//! orders everything: so the ordering of a modification makes no difference to the instruction.

use core::arch::asm;
use core::ptr::NonNull;
use core::sync::atomic::Ordering;

#[cfg(target_arch = "x86_64")]
use super::Block;
use super::sealed::Sealed;
use super::{Unit, Widest, Word};

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

/// The bytes from which on a string instruction copies faster than a loop: it takes some twenty cycles to
/// start. A loop of wide units keeps up for longer.
pub(super) const STRING_MIN: usize =
    if size_of::<Unit>() > size_of::<Widest>() { 2048 } else { 512 };

/// Copies words, by an instruction that is fast on all processors. The one for bytes is not on some.
///
/// Its stores may come in any order, but all of them before a later store, and its loads after an earlier
/// load (Intel SDM, volume 3, "Fast-String Operation and Out-of-Order Stores").
///
/// # Safety
///
/// As many words can be loaded at `from` and stored at `to`, and they do not overlap. What is in a page is as
/// [`Sealed`] says.
#[inline]
pub(super) unsafe fn copy(from: *const u8, to: *mut u8, words: usize) {
    // SAFETY: the caller's promise. The direction flag is clear where assembly begins.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "rep movsq",
            inout("rsi") from => _,
            inout("rdi") to => _,
            inout("rcx") words => _,
            options(nostack, preserves_flags),
        );
    }
    // SAFETY: as above. The compiler keeps `esi` to itself: it is the same afterwards.
    #[cfg(target_arch = "x86")]
    unsafe {
        asm!(
            "xchg esi, {from}",
            "rep movsd",
            "mov esi, {from}",
            from = inout(reg) from => _,
            inout("edi") to => _,
            inout("ecx") words => _,
            options(nostack, preserves_flags),
        );
    }
}

/// Sets words to zero, in the order of [`copy`].
///
/// # Safety
///
/// As many words at `to` are inside a page, as for [`Sealed::store`].
#[inline]
pub(super) unsafe fn clear(to: *mut u8, words: usize) {
    // SAFETY: the caller's promise. The direction flag is clear where assembly begins.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "rep stosq",
            in("rax") 0_u64,
            inout("rdi") to => _,
            inout("rcx") words => _,
            options(nostack, preserves_flags),
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "x86")]
    unsafe {
        asm!(
            "rep stosd",
            in("eax") 0_u32,
            inout("edi") to => _,
            inout("ecx") words => _,
            options(nostack, preserves_flags),
        );
    }
}

/// Loads and stores of a block, all of one address: the compiler would compute four.
#[cfg(target_arch = "x86_64")]
macro_rules! blocks {
    ($instruction:literal, $class:ident, $second:literal, $third:literal, $fourth:literal) => {
        /// Loads a block.
        ///
        /// # Safety
        ///
        /// As for [`Sealed::load`], of each byte.
        #[inline]
        pub(super) unsafe fn load_block(at: NonNull<u8>) -> Block {
            let (first, second, third, fourth);
            // SAFETY: the caller's promise.
            unsafe {
                asm!(
                    concat!($instruction, " {first}, [{at}]"),
                    concat!($instruction, " {second}, [{at} + ", $second, "]"),
                    concat!($instruction, " {third}, [{at} + ", $third, "]"),
                    concat!($instruction, " {fourth}, [{at} + ", $fourth, "]"),
                    at = in(reg) at.as_ptr(),
                    first = out($class) first,
                    second = out($class) second,
                    third = out($class) third,
                    fourth = lateout($class) fourth,
                    options(nostack, preserves_flags, readonly),
                );
            }
            [first, second, third, fourth]
        }

        /// Stores a block.
        ///
        /// # Safety
        ///
        /// As for [`Sealed::store`], of each byte.
        #[inline]
        pub(super) unsafe fn store_block(at: NonNull<u8>, block: Block) {
            let [first, second, third, fourth] = block;
            // SAFETY: the caller's promise.
            unsafe {
                asm!(
                    concat!($instruction, " [{at}], {first}"),
                    concat!($instruction, " [{at} + ", $second, "], {second}"),
                    concat!($instruction, " [{at} + ", $third, "], {third}"),
                    concat!($instruction, " [{at} + ", $fourth, "], {fourth}"),
                    at = in(reg) at.as_ptr(),
                    first = in($class) first,
                    second = in($class) second,
                    third = in($class) third,
                    fourth = in($class) fourth,
                    options(nostack, preserves_flags),
                );
            }
        }
    };
}

#[cfg(all(target_arch = "x86_64", target_feature = "avx"))]
blocks!("vmovups", ymm_reg, "32", "64", "96");
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(target_feature = "avx")))]
blocks!("movups", xmm_reg, "16", "32", "48");
#[cfg(all(target_arch = "x86_64", not(target_feature = "sse2")))]
blocks!("mov", reg, "8", "16", "24");

/// Loads and stores of a unit of a block, where that is wider than a word.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
macro_rules! units {
    ($instruction:literal, $class:ident) => {
        /// Loads a unit of a block.
        ///
        /// # Safety
        ///
        /// As for [`Sealed::load`], of each byte.
        #[inline]
        pub(super) unsafe fn load_unit(at: NonNull<u8>) -> Unit {
            let value;
            // SAFETY: the caller's promise.
            unsafe {
                asm!(
                    concat!($instruction, " {value}, [{at}]"),
                    at = in(reg) at.as_ptr(),
                    value = lateout($class) value,
                    options(nostack, preserves_flags, readonly),
                );
            }
            value
        }

        /// Stores a unit of a block.
        ///
        /// # Safety
        ///
        /// As for [`Sealed::store`], of each byte.
        #[inline]
        pub(super) unsafe fn store_unit(at: NonNull<u8>, value: Unit) {
            // SAFETY: the caller's promise.
            unsafe {
                asm!(
                    concat!($instruction, " [{at}], {value}"),
                    at = in(reg) at.as_ptr(),
                    value = in($class) value,
                    options(nostack, preserves_flags),
                );
            }
        }
    };
}

#[cfg(all(target_arch = "x86_64", target_feature = "avx"))]
units!("vmovups", ymm_reg);
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(target_feature = "avx")))]
units!("movups", xmm_reg);
