//! The xenstore protocol.

#[cfg(feature = "alloc")]
#[cfg_attr(docsrs, doc(cfg(feature = "alloc")))]
mod client;
mod path;
mod permissions;
mod ring;
#[cfg(feature = "alloc")]
#[cfg_attr(docsrs, doc(cfg(feature = "alloc")))]
pub mod server;
pub mod transport;
pub mod wire;

#[cfg(feature = "alloc")]
pub use client::{
    Client, Connection, Error, Event, Incoming, MAX_EVENTS, ProtocolError, Reply, RequestId, Store,
    Transaction,
};
pub use path::{ABSOLUTE_MAX, Path, PathError, RELATIVE_MAX, ToPath};
pub use permissions::{Access, Permission, Permissions};
pub use ring::BadIndex;
pub use transport::Transport;
#[cfg(all(feature = "std", unix))]
pub use transport::open;
