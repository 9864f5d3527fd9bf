//! Xen's grants, hypercalls and event channels from Linux user space: the devices below `/dev/xen`.
#![cfg(target_os = "linux")]

mod area;
mod device;
mod error;
mod fork;

pub use error::{Cause, Error};
