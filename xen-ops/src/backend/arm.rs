//! Arm: the HVC instruction.
//!
//! | | aarch64 | arm |
//! |---|---|---|
//! | number | `x16` | `r12` |
//! | arguments | `x0` to `x4` | `r0` to `r4` |
//! | result | `x0` | `r0` |
//! | overwritten | `x16` and the arguments | `r12` and the arguments |
//!
//! Upstream: `xen/include/public/arch-arm.h` (the calling convention, `XEN_HYPERCALL_TAG`).

use core::arch::asm;

use xen_abi::arch_arm::XEN_HYPERCALL_TAG;

use crate::hypercall::Hypercall;

/// Hypercalls by `hvc #0xEA1`.
///
/// ```
/// # #![allow(unsafe_code)]
/// use xen_ops::backend::arm::Hvc;
///
/// // SAFETY: this is the kernel, and the device tree has a node compatible with "xen,xen".
/// let hypercall = unsafe { Hvc::new() };
/// # let _ = hypercall;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hvc(());

impl Hvc {
    /// Hypercalls of the guest that this code runs in.
    ///
    /// # Safety
    ///
    /// The code runs as a guest of Xen, in its kernel: at EL1 on aarch64, in a privileged mode on
    /// arm. Whether the hypervisor is Xen is in the device tree (a node compatible with `xen,xen`) or
    /// in the ACPI tables.
    #[allow(unsafe_code, reason = "the instruction may mean something else elsewhere")]
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self(())
    }
}

#[cfg(target_arch = "aarch64")]
macro_rules! hvc {
    () => {
        "hvc #{tag}"
    };
}
// The assembler needs to know that the processor has the instruction.
#[cfg(target_arch = "arm")]
macro_rules! hvc {
    () => {
        ".arch_extension virt\nhvc #{tag}"
    };
}

/// A method of [`Hypercall`]: the registers of number, result and arguments.
macro_rules! method {
    ($name:ident, $count:literal, $number:tt,
     $result:tt = $first:ident $(, $used:tt = $argument:ident)*) => {
        #[inline]
        unsafe fn $name(&self, number: u32, [$first $(, $argument)*]: [usize; $count]) -> isize {
            let result;
            // SAFETY: the caller's promise. Whatever Xen may overwrite is marked, and memory may
            // change, since `nomem` is not given.
            unsafe {
                asm!(
                    hvc!(),
                    tag = const XEN_HYPERCALL_TAG,
                    inlateout($number) number as usize => _,
                    inlateout($result) $first => result,
                    $(inlateout($used) $argument => _,)*
                    options(nostack),
                );
            }
            result
        }
    };
}

// SAFETY: number and arguments are where the convention has them, and the result is Xen's. The
// assembly has no option that would let the compiler move memory accesses over it.
#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code, reason = "the hypercall itself")]
unsafe impl Hypercall for Hvc {
    method!(call, 5, "x16", "x0" = a, "x1" = b, "x2" = c, "x3" = d, "x4" = e);
    method!(call1, 1, "x16", "x0" = a);
    method!(call2, 2, "x16", "x0" = a, "x1" = b);
    method!(call3, 3, "x16", "x0" = a, "x1" = b, "x2" = c);
    method!(call4, 4, "x16", "x0" = a, "x1" = b, "x2" = c, "x3" = d);
}

// SAFETY: as on aarch64.
#[cfg(target_arch = "arm")]
#[allow(unsafe_code, reason = "the hypercall itself")]
unsafe impl Hypercall for Hvc {
    method!(call, 5, "r12", "r0" = a, "r1" = b, "r2" = c, "r3" = d, "r4" = e);
    method!(call1, 1, "r12", "r0" = a);
    method!(call2, 2, "r12", "r0" = a, "r1" = b);
    method!(call3, 3, "r12", "r0" = a, "r1" = b, "r2" = c);
    method!(call4, 4, "r12", "r0" = a, "r1" = b, "r2" = c, "r3" = d);
}
