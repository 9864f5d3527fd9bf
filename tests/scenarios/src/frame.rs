//! Frame numbers, which have 32 bits on 32-bit x86 and 64 elsewhere.

#![allow(clippy::unnecessary_cast, clippy::cast_lossless, reason = "64 or 32 bits wide")]

use xen_abi::xen::xen_pfn_t;

/// A frame's number as members of 64 bits have it.
#[must_use]
pub const fn number(frame: xen_pfn_t) -> u64 {
    frame.0 as u64
}

/// The frame at a guest physical address.
#[must_use]
pub const fn at(address: u64) -> xen_pfn_t {
    xen_pfn_t((address >> 12) as _)
}
