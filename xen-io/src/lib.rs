#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg), doc(auto_cfg = false))]

#[cfg(any(feature = "alloc", test))]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

pub use error::{AttachError, BadIndex};
pub use grants::{CopyGrants, CopyGrantsError, GrantAccess};
pub use pages::{Pages, SharedPage};
#[cfg(feature = "alloc")]
#[cfg_attr(docsrs, doc(cfg(feature = "alloc")))]
pub use persistent::{PersistentGrants, PersistentGrantsError};
pub use xen_ops;
pub use xen_ops::events::EventChannel;
pub use xen_ops::xen_abi;

pub mod block;
mod error;
pub mod framebuffer;
mod grants;
mod indices;
pub mod keyboard;
pub mod net;
pub mod p9fs;
mod pages;
#[cfg(feature = "alloc")]
mod persistent;
pub mod ring;
pub mod stream;
#[cfg(feature = "alloc")]
#[cfg_attr(docsrs, doc(cfg(feature = "alloc")))]
pub mod xenbus;
pub mod xenstore;

/// The protocols by which both sides change shared indices. They are public for the tests that run them
/// under loom.
#[doc(hidden)]
pub mod protocol {
    pub use crate::indices::{
        Consumer, Lie, Orders, Producer, Proven, Receiver, Sender, SharedIndex,
    };
}
