//! The page-table root of a PV guest as Xen keeps it: in `vcpu_guest_context.ctrlreg[3]` and what a
//! guest reads as CR3.
//!
//! Upstream: `xen/include/public/arch-x86/xen-x86_32.h` and `xen-x86_64.h`. A 32-bit guest's root may
//! lie above 4 GiB; the frame bits that do not fit into CR3 are then in its low twelve.

use super::Word;

/// The control register for a root in machine frame `pfn`, of a guest whose registers are `W`. Bits
/// that do not fit into `W` are lost, as in C.
///
/// `xen_pfn_to_cr3` of `arch-x86/xen-x86_32.h` for `u32` and `arch-x86/xen-x86_64.h` for `u64`.
///
/// ```
/// # use xen_abi::macros::cr3::xen_pfn_to_cr3;
/// assert_eq!(xen_pfn_to_cr3::<u64>(0x12_3456), 0x1_2345_6000);
/// assert_eq!(xen_pfn_to_cr3::<u32>(0x12_3456), 0x2345_6001);
/// ```
#[must_use]
pub const fn xen_pfn_to_cr3<W: Word>(pfn: u64) -> u64 {
    if W::BITS == 32 { (pfn as u32).rotate_left(12) as u64 } else { pfn << 12 }
}

/// The machine frame of the root in control register `cr3`, of a guest whose registers are `W`.
///
/// `xen_cr3_to_pfn` of `arch-x86/xen-x86_32.h` for `u32` and `arch-x86/xen-x86_64.h` for `u64`.
#[must_use]
pub const fn xen_cr3_to_pfn<W: Word>(cr3: u64) -> u64 {
    if W::BITS == 32 { (cr3 as u32).rotate_right(12) as u64 } else { cr3 >> 12 }
}
