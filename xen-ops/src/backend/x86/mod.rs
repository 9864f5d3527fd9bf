//! x86: the hypercall page, and the instructions VMCALL and VMMCALL.
//!
//! | | 64 bits | 32 bits |
//! |---|---|---|
//! | number | `rax` | `eax` |
//! | number, by the page | the slot: 32 bytes times the number | the same |
//! | arguments | `rdi`, `rsi`, `rdx`, `r10`, `r8` | `ebx`, `ecx`, `edx`, `esi`, `edi` |
//! | result | `rax` | `eax` |
//! | overwritten | the arguments; by the page, `rcx` and `r11` | the arguments |
//!
//! Upstream: `xen/include/public/arch-x86/xen-x86_64.h`, `xen-x86_32.h` and `cpuid.h`.

mod cpuid;
#[cfg(target_arch = "x86")]
mod registers_32;
#[cfg(target_arch = "x86_64")]
mod registers_64;
#[cfg(all(test, target_arch = "x86_64", not(miri)))]
mod tests;
#[cfg(all(test, target_arch = "x86", not(miri)))]
mod tests_32;

use core::arch::asm;
use core::ptr::NonNull;

pub use cpuid::{DetectError, Hypervisor, pv_cpuid};

use crate::hypercall::Hypercall;

/// Hypercalls by VMCALL, the instruction of Intel's and Zhaoxin's processors, for HVM and PVH guests.
///
/// [`Hvm::detect`] finds out which instruction the processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vmcall(());

/// Hypercalls by VMMCALL, the instruction of AMD's and Hygon's processors, for HVM and PVH guests.
///
/// [`Hvm::detect`] finds out which instruction the processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vmmcall(());

/// Hypercalls of an HVM or PVH guest, by the instruction that its processor has.
///
/// A kernel for one kind of processor can use [`Vmcall`] or [`Vmmcall`] and avoid the choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hvm {
    /// By VMCALL.
    Vmcall(Vmcall),
    /// By VMMCALL.
    Vmmcall(Vmmcall),
}

/// Hypercalls through the page of stubs that Xen fills. A PV guest has no other way; HVM and PVH guests
/// can use it too.
///
/// The stub of a hypercall is at 32 bytes times its number. A guest that has VMCALL or VMMCALL should use
/// those: an indirect call is a target for speculative attacks (XSA-466).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HypercallPage {
    address: usize,
}

#[allow(unsafe_code, reason = "the instructions mean something else elsewhere")]
impl Vmcall {
    /// Hypercalls of the guest that this code runs in.
    ///
    /// # Safety
    ///
    /// The code runs in ring 0 of an HVM or PVH guest of Xen, on a processor that has VMCALL.
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self(())
    }

    #[inline]
    fn selector(self, number: u32) -> usize {
        number as usize
    }
}

#[allow(unsafe_code, reason = "the instructions mean something else elsewhere")]
impl Vmmcall {
    /// Hypercalls of the guest that this code runs in.
    ///
    /// # Safety
    ///
    /// The code runs in ring 0 of an HVM or PVH guest of Xen, on a processor that has VMMCALL.
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self(())
    }

    #[inline]
    fn selector(self, number: u32) -> usize {
        number as usize
    }
}

#[allow(unsafe_code, reason = "the page is code")]
impl HypercallPage {
    /// Hypercalls through the page at `address`, which Xen has filled.
    ///
    /// # Safety
    ///
    /// While the value or a copy of it is used, the page at `address` is executable and holds the
    /// stubs that Xen put there for this guest. The code runs in the guest's kernel, without a red
    /// zone where the target has no operating system (kernels have none: interrupts would overwrite
    /// it).
    #[must_use]
    pub unsafe fn new(address: NonNull<u8>) -> Self {
        Self { address: address.as_ptr().expose_provenance() }
    }

    /// Makes Xen fill the page at `address`, in an HVM or PVH guest, and makes hypercalls through it.
    ///
    /// `physical` is the guest physical address of that page in bytes. The model-specific register
    /// that it is written to is the one that `hypervisor` names.
    ///
    /// # Safety
    ///
    /// As [`new`](Self::new); the code runs in ring 0; `physical` is aligned to 4096 and is the
    /// address of the page at `address`, whose bytes nothing else uses; and `hypervisor` is the one
    /// underneath.
    #[must_use]
    pub unsafe fn enable(hypervisor: &Hypervisor, address: NonNull<u8>, physical: u64) -> Self {
        // SAFETY: the caller's promise. The low bits of the value are the number of the page of
        // stubs: 0, the only one that exists.
        unsafe {
            asm!(
                "wrmsr",
                in("ecx") hypervisor.hypercall_msr,
                in("eax") physical as u32,
                in("edx") (physical >> 32) as u32,
                options(nostack, preserves_flags),
            );
        }
        // SAFETY: the caller's promise; Xen has filled the page.
        unsafe { Self::new(address) }
    }

    #[inline]
    fn selector(self, number: u32) -> usize {
        self.address.wrapping_add(number as usize * 32)
    }
}

/// A method of [`Hypercall`] that forwards to the one of the same name.
macro_rules! choose {
    ($($name:ident, $count:literal;)*) => {$(
        #[inline]
        unsafe fn $name(&self, number: u32, arguments: [usize; $count]) -> isize {
            match self {
                // SAFETY: the caller's promise.
                Self::Vmcall(vmcall) => unsafe { vmcall.$name(number, arguments) },
                // SAFETY: the caller's promise.
                Self::Vmmcall(vmmcall) => unsafe { vmmcall.$name(number, arguments) },
            }
        }
    )*};
}

// SAFETY: forwards everything.
#[allow(unsafe_code, reason = "the trait is unsafe to implement")]
unsafe impl Hypercall for Hvm {
    choose! { call, 5; call1, 1; call2, 2; call3, 3; call4, 4; }
}
