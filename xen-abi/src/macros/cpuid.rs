//! x86: Xen's CPUID leaves.
//!
//! Upstream: `xen/include/public/arch-x86/cpuid.h`.

/// Where Xen's leaves are unless another interface has that place.
const FIRST_LEAF: u32 = 0x4000_0000;

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
const _: () = assert!(FIRST_LEAF == crate::arch_x86::cpuid::XEN_CPUID_FIRST_LEAF);

/// The number of Xen's leaf `i`, counted from 0, where its leaves begin at 0x4000_0000. With the
/// Viridian interface on they begin 0x100 higher: look for the signature, in steps of 0x100.
///
/// `XEN_CPUID_LEAF` of `arch-x86/cpuid.h`.
#[must_use]
pub const fn xen_cpuid_leaf(i: u32) -> u32 {
    FIRST_LEAF.wrapping_add(i)
}
