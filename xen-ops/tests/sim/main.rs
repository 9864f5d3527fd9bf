//! Grant tables, memory operations and event channels against a Xen in this process.
//!
//! [`lies`] stands between the two where the tests need a hypervisor that answers as no Xen should.

#![allow(unsafe_code, reason = "plays guests, whose memory and hypercalls are unsafe")]

use xen_abi::xen::{xen_pfn_t, xen_ulong_t};

/// A frame number, which has 32 bits on 32-bit x86 only.
#[allow(clippy::unnecessary_cast, reason = "64 or 32 bits wide")]
fn pfn(number: u64) -> xen_pfn_t {
    xen_pfn_t(number as _)
}

/// The number of a frame.
#[allow(clippy::unnecessary_cast, clippy::cast_lossless, reason = "64 or 32 bits wide")]
fn pfn_to_u64(frame: xen_pfn_t) -> u64 {
    frame.0 as u64
}

/// A number as wide as a register, which Xen's structures keep in 64 bits elsewhere.
#[allow(clippy::unnecessary_cast, clippy::cast_lossless, reason = "64 or 32 bits wide")]
fn ulong(number: u64) -> xen_ulong_t {
    number as _
}

mod events;
mod lies;
mod mapping;
mod memory;
mod table;
