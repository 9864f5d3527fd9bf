//! Numbers whose width is that of a register, which the simulator keeps in 64 bits.

#![allow(clippy::unnecessary_cast, reason = "64 or 32 bits wide")]

use xen_abi::xen::{xen_pfn_t, xen_ulong_t};

/// Where Xen's part of a PV guest's address space begins on x86, with the machine-to-physical table. A
/// program for 32-bit x86 has 32-bit guests.
pub(crate) const VIRT_START: u64 =
    if cfg!(target_arch = "x86") { 0xf580_0000 } else { 0xffff_8000_0000_0000 };

/// Where the place for that table ends.
pub(crate) const MACHPHYS_END: u64 =
    if cfg!(target_arch = "x86") { 0xffe0_0000 } else { 0xffff_8040_0000_0000 };

/// A frame number as the guest sees it. Those of a machine's frames fit.
pub(crate) const fn pfn(number: u64) -> xen_pfn_t {
    let mut frame = xen_pfn_t(0);
    frame.0 = number as _;
    frame
}

/// A guest's frame number, or the highest one if it has all bits, as an invalid one.
pub(crate) const fn pfn_to_u64(frame: xen_pfn_t) -> u64 {
    if frame.0 == !0 { u64::MAX } else { frame.0 as u64 }
}

/// A number as the guest sees it: its low bits.
pub(crate) const fn ulong(number: u64) -> xen_ulong_t {
    number as _
}

/// A guest's number.
pub(crate) const fn ulong_to_u64(number: xen_ulong_t) -> u64 {
    number as u64
}
