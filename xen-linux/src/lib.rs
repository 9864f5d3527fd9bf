//! Xen's grants, hypercalls and event channels from Linux user space: the devices below `/dev/xen`.
#![cfg(target_os = "linux")]

mod area;
mod device;
mod error;
pub mod evtchn;
mod fork;
pub mod privcmd;

pub use error::{Cause, Error};
