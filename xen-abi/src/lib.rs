#![doc = include_str!("../README.md")]
#![no_std]
// Labels say which feature a module needs, and nothing about architectures: those have one module each.
#![cfg_attr(docsrs, feature(doc_cfg), doc(auto_cfg = false))]
#![allow(non_camel_case_types, confusable_idents, reason = "upstream's names are kept unchanged")]

#[cfg(feature = "std")]
extern crate std;

pub mod macros;
mod support;

pub use support::errno::Errno;
pub use support::handle::{GuestHandle, GuestHandle32, GuestHandle64, PointerHandle};
pub use support::int;
pub use support::plain::{Plain, as_bytes, from_bytes, zeroed};
pub use support::status::GrantStatus;

#[cfg(target_endian = "big")]
compile_error!("Xen's public ABI is little-endian on every architecture that it has");

#[cfg(not(any(
    feature = "foreign",
    target_arch = "aarch64",
    target_arch = "arm",
    target_arch = "x86",
    target_arch = "x86_64"
)))]
compile_error!(
    "xen-abi supports x86, x86_64, arm and aarch64; on other hosts the feature `foreign` has the \
     layouts of those four as modules"
);

#[allow(unreachable_pub, reason = "public under `foreign`, and re-exported below in any case")]
#[rustfmt::skip]
mod generated;

#[cfg(feature = "toolstack")]
#[allow(unreachable_pub, reason = "as above")]
#[rustfmt::skip]
mod releases;

#[cfg(target_arch = "aarch64")]
pub use generated::aarch64::*;
#[cfg(target_arch = "arm")]
pub use generated::arm::*;
#[cfg(target_arch = "x86")]
pub use generated::x86_32::*;
#[cfg(target_arch = "x86_64")]
pub use generated::x86_64::*;

#[cfg(all(feature = "toolstack", target_arch = "aarch64"))]
#[cfg_attr(docsrs, doc(cfg(feature = "toolstack")))]
pub use releases::aarch64 as toolstack;
#[cfg(all(feature = "toolstack", target_arch = "arm"))]
#[cfg_attr(docsrs, doc(cfg(feature = "toolstack")))]
pub use releases::arm as toolstack;
#[cfg(all(feature = "toolstack", target_arch = "x86"))]
#[cfg_attr(docsrs, doc(cfg(feature = "toolstack")))]
pub use releases::x86_32 as toolstack;
#[cfg(all(feature = "toolstack", target_arch = "x86_64"))]
#[cfg_attr(docsrs, doc(cfg(feature = "toolstack")))]
pub use releases::x86_64 as toolstack;

/// Every architecture's ABI on any host, with the architecture's own alignments.
///
/// The modules are those of the crate's root, which is the architecture compiled for.
#[cfg(feature = "foreign")]
#[cfg_attr(docsrs, doc(cfg(feature = "foreign")))]
pub mod foreign {
    pub use crate::generated::*;

    /// The toolstack's ABI of each release, for each architecture.
    #[cfg(feature = "toolstack")]
    #[cfg_attr(docsrs, doc(cfg(feature = "toolstack")))]
    pub mod toolstack {
        pub use crate::releases::*;
    }
}
