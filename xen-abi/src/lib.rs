//! Xen's public ABI for Rust.
#![no_std]
#![allow(non_camel_case_types, confusable_idents, reason = "upstream's names are kept unchanged")]

pub mod macros;
mod support;

pub use support::errno::Errno;
pub use support::handle::{GuestHandle, GuestHandle32, GuestHandle64};
pub use support::int;
pub use support::plain::{Plain, zeroed};
pub use support::status::GrantStatus;

#[cfg(target_endian = "big")]
compile_error!("Xen's public ABI is little-endian on every architecture it has");

#[rustfmt::skip]
mod generated;

#[cfg(target_arch = "aarch64")]
pub use generated::aarch64::*;
#[cfg(target_arch = "arm")]
pub use generated::arm::*;
#[cfg(target_arch = "x86")]
pub use generated::x86_32::*;
#[cfg(target_arch = "x86_64")]
pub use generated::x86_64::*;

/// Every architecture's ABI on any host, with the architecture's own alignments.
///
/// The modules are those of the crate's root, which is the architecture compiled for.
#[cfg(feature = "foreign")]
pub mod foreign {
    pub use crate::generated::*;
}
