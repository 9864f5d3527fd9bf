//! The calling convention of 64-bit guests.

use core::arch::asm;

use super::{HypercallPage, Vmcall, Vmmcall};
use crate::hypercall::Hypercall;

/// A method of [`Hypercall`]: the registers of its arguments, and after the semicolon whatever else is
/// overwritten.
macro_rules! method {
    ($name:ident, $count:literal, $instruction:literal, $options:tt,
     $($used:tt = $argument:ident),*; $($also:tt)*) => {
        #[inline]
        unsafe fn $name(&self, number: u32, [$($argument),*]: [usize; $count]) -> isize {
            let result;
            // SAFETY: the caller's promise. Whatever Xen may overwrite is marked, and memory may
            // change, since `nomem` is not said.
            unsafe {
                asm!(
                    $instruction,
                    inlateout("rax") self.selector(number) => result,
                    $(inlateout($used) $argument => _,)*
                    $(lateout($also) _,)*
                    options $options
                );
            }
            result
        }
    };
}

macro_rules! calls {
    ($backend:ty, $instruction:literal, $options:tt, $($also:tt)*) => {
        // SAFETY: number and arguments are where the convention has them, and the result is Xen's.
        // The assembly has no option that would let the compiler move memory accesses over it.
        #[allow(unsafe_code, reason = "the hypercall itself")]
        unsafe impl Hypercall for $backend {
            method!(call, 5, $instruction, $options,
                "rdi" = a, "rsi" = b, "rdx" = c, "r10" = d, "r8" = e; $($also)*);
            method!(call1, 1, $instruction, $options, "rdi" = a; $($also)*);
            method!(call2, 2, $instruction, $options, "rdi" = a, "rsi" = b; $($also)*);
            method!(call3, 3, $instruction, $options,
                "rdi" = a, "rsi" = b, "rdx" = c; $($also)*);
            method!(call4, 4, $instruction, $options,
                "rdi" = a, "rsi" = b, "rdx" = c, "r10" = d; $($also)*);
        }
    };
}

calls!(Vmcall, "vmcall", (nostack),);
calls!(Vmmcall, "vmmcall", (nostack),);

// A stub uses the stack, but needs no alignment of it, and leaves it as it was. So without a red
// zone the compiler has nothing to do; with one it must step over it.
#[cfg(target_os = "none")]
calls!(HypercallPage, "call rax", (nostack), "rcx" "r11");
#[cfg(not(target_os = "none"))]
calls!(HypercallPage, "call rax", (), "rcx" "r11");
