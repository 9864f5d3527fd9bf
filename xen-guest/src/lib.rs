#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(test)]
extern crate std;

pub use channel::Channel;
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
pub use exception::Exception;
pub use frames::GrantFrames;
pub use guest::{Guest, GuestKind, StartInfo};
pub use memory::{AddressSpace, GuestPage, MemoryError, PagePool, PageStorage, UnmappedPage};
pub use port_set::{MAX_POLLED_PORTS, PortSet, PortSetError};
pub use shared_info::{SharedInfo, VcpuInfoError, register_vcpu_info};
pub use xen_abi;
pub use xen_ops;

#[cfg(any(target_arch = "aarch64", target_arch = "arm", test))]
mod affinity;
pub mod backend;
mod channel;
pub mod console;
pub mod device_tree;
#[doc(hidden)]
pub mod entry;
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
mod exception;
mod frames;
mod guest;
mod memory;
pub mod note;
mod port_set;
#[cfg(feature = "qemu")]
pub mod qemu;
mod shared_info;
pub mod shutdown;
#[cfg(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64"))]
pub mod smp;
pub mod start_info;
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
pub mod suspend;
pub mod time;
pub mod upcall;
