#![doc = include_str!("../README.md")]
#![no_std]
// Labels say which feature an item needs, and nothing about architectures.
#![cfg_attr(docsrs, feature(doc_cfg), doc(auto_cfg = false))]

#[cfg(any(feature = "alloc", test))]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

// The expansion of `hypercalls!` names this crate as its users do.
#[allow(unused_extern_crates, reason = "used by expansions")]
extern crate self as xen_ops;

pub use domain_id::{DomainId, InvalidDomainId};
pub use failed::Failed;
pub use gnttab::map::Mapping;
pub use gnttab::{GrantTable, Granted, RemoteGrant};
pub use hypercall::Hypercall;
pub use page::{MapTarget, Page};
pub use view::{ReadOnly, ReadWrite, View};
pub use xen_abi;

pub mod backend;
mod domain_id;
pub mod events;
mod failed;
pub mod gnttab;
pub mod hypercall;
#[cfg(feature = "std")]
mod io_error;
pub mod memory;
pub mod page;
mod page_size;
pub mod view;
#[doc = include_str!("../docs/zephyr.md")]
pub mod zephyr {}
