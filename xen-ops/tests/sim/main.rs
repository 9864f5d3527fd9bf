//! Grant tables, memory operations and event channels against a Xen in this process.
//!
//! [`lies`] stands between the two where the tests need a hypervisor that answers as no Xen should.

#![allow(unsafe_code, reason = "plays guests, whose memory and hypercalls are unsafe")]

mod events;
mod lies;
mod mapping;
mod memory;
mod table;
