//! Numbers whose width is that of a register, which the simulator keeps in 64 bits.

#![allow(clippy::unnecessary_cast, reason = "64 or 32 bits wide")]

use xen_abi::xen::{xen_pfn_t, xen_ulong_t};

/// Whether guests have 32 bits, as in a program for 32-bit x86. Xen has 64: its `compat_` functions read their
/// arguments and make those of 64 bits of them, in an area of [`AREA`] bytes.
pub(crate) const COMPAT: bool = cfg!(target_arch = "x86");

/// The size of that area, `COMPAT_ARG_XLAT_SIZE`.
pub(crate) const AREA: usize = 2 * 4096;

/// Where Xen's part of a PV guest's address space begins on x86, with the machine-to-physical table.
pub(crate) const VIRT_START: u64 = if COMPAT { 0xf580_0000 } else { 0xffff_8000_0000_0000 };

/// Where the place for that table ends.
pub(crate) const MACHPHYS_END: u64 = if COMPAT { 0xffe0_0000 } else { 0xffff_8040_0000_0000 };

/// A frame number as the guest sees it. Those of a machine's frames fit.
pub(crate) const fn pfn(number: u64) -> xen_pfn_t {
    let mut frame = xen_pfn_t(0);
    frame.0 = number as _;
    frame
}

/// A guest's frame number. One of 32 bits that are all set is a number like any other.
pub(crate) const fn pfn_to_u64(frame: xen_pfn_t) -> u64 {
    frame.0 as u64
}

/// A number as the guest sees it: its low bits.
pub(crate) const fn ulong(number: u64) -> xen_ulong_t {
    number as _
}

/// A guest's number.
pub(crate) const fn ulong_to_u64(number: xen_ulong_t) -> u64 {
    number as u64
}
