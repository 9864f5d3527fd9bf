//! Xen's grants, hypercalls and event channels from Linux user space: the devices below `/dev/xen`.
//!
//! # Fork
//!
//! A child has copies of its parent's values; what they stand for is the parent's.
#![cfg(target_os = "linux")]

mod area;
mod device;
mod error;
mod fork;
pub mod gntalloc;
pub mod gntdev;
mod index;
pub mod notify;
mod pages;
mod tailed;
#[cfg(test)]
mod testing;
#[cfg(feature = "vm-memory")]
pub mod volatile;
mod wide;

pub use error::{Cause, Error};
pub use rustix::io::Errno;
pub use xen_ops;
pub use xen_ops::xen_abi;
