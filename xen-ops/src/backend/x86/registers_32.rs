//! The calling convention of 32-bit guests.
//!
//! The compiler keeps `esi` to itself. So the fourth argument goes there inside the assembly, which
//! restores what was there: from `edi`, or, where that has the fifth argument, from the stack. And as that
//! leaves one register too few for five arguments and the number, two of them come in memory.

use core::arch::asm;

use super::{HypercallPage, Vmcall, Vmmcall};
use crate::hypercall::Hypercall;

/// A method of [`Hypercall`] without a fourth argument: the registers of its arguments.
macro_rules! method {
    ($name:ident, $count:literal, $instruction:literal,
     $($used:tt = $argument:ident),*) => {
        #[inline]
        unsafe fn $name(&self, number: u32, [$($argument),*]: [usize; $count]) -> isize {
            let result;
            // SAFETY: the caller's promise. Whatever Xen may overwrite is marked, and memory may
            // change, since `nomem` is not said. The stubs of the page use the stack, need no
            // alignment of it and leave it as it was; there is no red zone.
            unsafe {
                asm!(
                    $instruction,
                    inlateout("eax") self.selector(number) => result,
                    $(inlateout($used) $argument => _,)*
                    options(nostack),
                );
            }
            result
        }
    };
}

macro_rules! calls {
    ($backend:ty, $instruction:literal) => {
        // SAFETY: number and arguments are where the convention has them, and the result is Xen's.
        // The assembly has no option that would let the compiler move memory accesses over it.
        #[allow(unsafe_code, reason = "the hypercall itself")]
        unsafe impl Hypercall for $backend {
            method!(call1, 1, $instruction, "ebx" = a);
            method!(call2, 2, $instruction, "ebx" = a, "ecx" = b);
            method!(call3, 3, $instruction, "ebx" = a, "ecx" = b, "edx" = c);

            #[inline]
            unsafe fn call4(&self, number: u32, [a, b, c, d]: [usize; 4]) -> isize {
                let result;
                // SAFETY: as the other methods. `esi` is what it was: it is in `edi` meanwhile, which Xen does
                // not overwrite, since the hypercall has no fifth argument.
                unsafe {
                    asm!(
                        "xchg esi, edi",
                        $instruction,
                        "mov esi, edi",
                        inlateout("eax") self.selector(number) => result,
                        inlateout("ebx") a => _,
                        inlateout("ecx") b => _,
                        inlateout("edx") c => _,
                        inlateout("edi") d => _,
                        options(nostack),
                    );
                }
                result
            }

            #[inline]
            unsafe fn call(&self, number: u32, [a, b, c, d, e]: [usize; 5]) -> isize {
                let in_memory = [self.selector(number), d];
                let result;
                // SAFETY: as the other methods. `esi` is what it was: it is on the stack meanwhile, of which
                // the compiler knows, since `nostack` is not said.
                unsafe {
                    asm!(
                        "push esi",
                        "mov esi, [eax + 4]",
                        "mov eax, [eax]",
                        $instruction,
                        "pop esi",
                        inlateout("eax") &raw const in_memory => result,
                        inlateout("ebx") a => _,
                        inlateout("ecx") b => _,
                        inlateout("edx") c => _,
                        inlateout("edi") e => _,
                    );
                }
                result
            }
        }
    };
}

calls!(Vmcall, "vmcall");
calls!(Vmmcall, "vmmcall");
calls!(HypercallPage, "call eax");
