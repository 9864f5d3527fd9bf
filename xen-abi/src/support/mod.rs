//! What the generated modules are made with.

#[cfg(any(feature = "toolstack-4-19", feature = "toolstack-4-21"))]
pub(crate) mod absent;
#[allow(unused, reason = "no header of the core has a bit field")]
pub(crate) mod bits;
pub(crate) mod errno;
pub(crate) mod flags;
pub(crate) mod handle;
pub mod int;
#[cfg(feature = "std")]
mod io_error;
pub(crate) mod newtypes;
pub(crate) mod plain;
pub(crate) mod proof;
pub(crate) mod status;
pub(crate) mod union;
