#![doc = include_str!("../README.md")]
#![cfg(target_os = "linux")]

mod convert;
mod device;
#[cfg(feature = "drivers")]
pub mod drivers;
mod error;
pub mod evtchn;
pub mod fam;
mod fork;
pub mod gntalloc;
pub mod gntdev;
mod index;
mod mmap_region;
mod notify;
mod pages;
pub mod privcmd;
#[cfg(test)]
mod testing;
#[cfg(all(feature = "vm-memory", target_pointer_width = "64"))]
pub mod volatile;

pub use error::{Cause, Error};
pub use evtchn::{Channel, Evtchn, Port, PortSet};
pub use gntalloc::{Gntalloc, Shared};
pub use gntdev::{Gntdev, Grants, Mapping, Segment};
pub use notify::UnmapNotify;
pub use privcmd::Privcmd;

// What a program needs beside them.
pub use rustix::io::Errno;
pub use xen_ops;
pub use xen_ops::Failed;
pub use xen_ops::view::Access;
pub use xen_ops::view::{ReadOnly, ReadWrite, View};
pub use xen_ops::xen_abi;
pub use xen_ops::xen_abi::event_channel::evtchn_port_t;
pub use xen_ops::xen_abi::grant_table::grant_ref_t;
pub use xen_ops::xen_abi::xen::{domid_t, xen_pfn_t};
pub use xen_ops::{DomainId, RemoteGrant};
