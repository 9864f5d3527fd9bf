//! Xen's public ABI: types and constants generated from upstream's own headers, with every size,
//! alignment and offset proven when the crate compiles.
//!
//! There is one module for each upstream header, with upstream's names unchanged:
//! `xen/include/public/grant_table.h` is [`grant_table`], `io/blkif.h` is `io::blkif`. The crate's
//! root is the architecture compiled for; under the feature `foreign` all four stand side by side.
//!
//! ```
//! use xen_abi::grant_table::{GNTST_eagain, gnttab_copy, gnttab_copy_ptr, gnttab_copy_ptr_u};
//! use xen_abi::xen::{DOMID_SELF, xen_pfn_t};
//!
//! // One element of a GNTTABOP_copy: 64 bytes from an own frame to an own frame.
//! let end = |frame| gnttab_copy_ptr {
//!     u: gnttab_copy_ptr_u::from_gmfn(xen_pfn_t(frame)),
//!     domid: DOMID_SELF,
//!     ..gnttab_copy_ptr::ZERO
//! };
//! let mut copy = gnttab_copy { source: end(1), dest: end(2), len: 64, ..gnttab_copy::ZERO };
//!
//! // Statuses and errors are types with text, and keep values nobody knows.
//! copy.status = GNTST_eagain;
//! assert_eq!(copy.status.to_string(), "not done yet, to be tried again (GNTST_eagain)");
//! assert_eq!(copy.source.u.gmfn().0, 1);
//! ```
//!
//! # How C comes out in Rust
//!
//! | C | Rust |
//! |---|---|
//! | `struct`, `union`, `typedef` | the same name; an unnamed part of `foo` is `foo_member` |
//! | `domid_t`, `grant_ref_t`, `xen_pfn_t` and their like | newtypes over the integer |
//! | an enumeration | an open newtype: unknown values are kept |
//! | `GNTST_*`, `XEN_E*` | values of [`GrantStatus`] and [`Errno`] |
//! | `XEN_GUEST_HANDLE(x)` | [`GuestHandle<x>`](GuestHandle): an address as an integer |
//! | a pointer to `x` in a structure | [`PointerHandle<x>`](PointerHandle), of that architecture's width |
//! | a union member `x` | `x()`, `x_mut()` and `from_x(value)` over the union's bytes |
//! | a bit field `x` | `x()` and `set_x(value)` over named storage |
//! | an anonymous member | a member named after the first one inside it |
//! | padding | `_padding0` and so on; fill with `..T::ZERO` |
//! | a flexible array | an array of length 0 at the end |
//! | a macro with arguments | a `const fn` in [`macros`], where a user needs it |
//! | a constant of type `int` that is not negative | `u32`, or what the member it goes into is |
//!
//! Everything is [`Plain`]: any bytes are a value, and no byte is padding without a name.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | (none) | the core: grants, memory, events, scheduling, and what PV and PVH guests start with |
//! | `extra-traits` (default) | `Debug`, `Default`, `PartialEq` and `Eq` on structures and unions |
//! | `zerocopy` (default) | zerocopy's `FromBytes`, `IntoBytes`, `KnownLayout`, `Immutable` on every type of the architecture compiled for |
//! | `hvm` | emulated devices and saved state |
//! | `io` | the split-driver protocols |
//! | `argo` | messages between domains |
//! | `linux` | `xen_abi::linux`: what Linux offers to programs below `/dev/xen` |
//! | `toolstack` | domctl, sysctl and what else only toolstacks use; enables `hvm` |
//! | `full` | all of the above |
//! | `foreign` | `xen_abi::foreign`: every architecture's layout, with its own alignments, on any host |
//!
//! Types of `foreign` modules other than the host's have `Clone`, `Copy`, [`Plain`] and, with
//! `extra-traits`, `Default`: [`from_bytes`] and [`as_bytes`] read and write them.
#![no_std]
#![allow(non_camel_case_types, confusable_idents, reason = "upstream's names are kept unchanged")]

pub mod macros;
mod support;

pub use support::errno::Errno;
pub use support::handle::{GuestHandle, GuestHandle32, GuestHandle64, PointerHandle};
pub use support::int;
pub use support::plain::{Plain, as_bytes, from_bytes, zeroed};
pub use support::status::GrantStatus;

#[cfg(target_endian = "big")]
compile_error!("Xen's public ABI is little-endian on every architecture it has");

#[allow(unreachable_pub, reason = "public under `foreign`, and re-exported below without it")]
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
