#![doc = include_str!("../README.md")]

mod arch;
mod boot;
mod cache;
mod device_tree;
mod dom0;
mod ended;
mod error;
mod hypervisor;
mod kernel;
mod linux;
mod machine;
mod process;
mod qemu;

pub use arch::{Arch, UnknownArch};
pub use boot::{Boot, Running};
pub use cache::default_cache;
pub use debian_packages::{self, Replaced};
pub use dom0::Dom0Files;
pub use ended::{Ended, SUCCESS};
pub use error::{Cause, Error, NotPinned};
pub use hypervisor::{Hypervisor, Image};
pub use kernel::{Kernel, KernelError};
pub use linux::{Guest, GuestKind, MAX_DISKS};
pub use machine::{Dom0, Machine};
pub use process::Stopper;
