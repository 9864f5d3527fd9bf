//! Devices in xenstore: how a front end and a back end find each other, agree and part.
//!
//! Each end has a directory. Its node `state` says how far the end is, and the other end watches it. Further
//! nodes are what the two agree on: grant references, event channels, features. The toolstack makes both
//! directories and removes them. An [`End`] is one side; [`toolstack`] is the toolstack's part.
//!
//! ```
//! use xen_io::xenbus::{End, Key, toolstack};
//! use xen_io::xenstore::Client;
//! use xen_io::xenstore::server::{Server, ServerConfig};
//! use xen_ops::xen_abi::io::xenbus::XenbusStateInitialised;
//! use xen_ops::xen_abi::xen::domid_t;
//!
//! const RING_REF: Key<u32> = Key::new("ring-ref");
//!
//! let mut server = Server::new(ServerConfig::default());
//! let device = toolstack::Device::new("vbd", 51712, domid_t(3), domid_t(0));
//! let mut toolstack = Client::new(server.local(domid_t(0)));
//! device.create(&mut toolstack, &[("virtual-device", "51712")], &[("mode", "w")])?;
//! drop(toolstack);
//!
//! // The front end publishes its ring.
//! let mut guest = Client::new(server.local(domid_t(3)));
//! let front = End::frontend(&mut guest, "vbd", 51712)?;
//! front.publish(&mut guest, RING_REF, 8)?;
//! front.set_state(&mut guest, XenbusStateInitialised)?;
//! drop(guest);
//!
//! // The back end finds it.
//! let mut dom0 = Client::new(server.local(domid_t(0)));
//! let back = End::backend(&mut dom0, "vbd", domid_t(3), 51712)?;
//! assert_eq!(back.other_state(&mut dom0)?, XenbusStateInitialised);
//! assert_eq!(back.other(&mut dom0, RING_REF)?, Some(8));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Upstream: `xen/include/public/io/xenbus.h`, `docs/misc/pv-drivers-lifecycle.pandoc`.

mod end;
mod error;
mod key;
pub mod queues;
pub mod toolstack;

pub use end::End;
pub(crate) use end::get;
pub use error::Error;
pub use key::Key;

use xen_ops::xen_abi::io::xenbus::{XenbusState, XenbusStateReconfigured, XenbusStateUnknown};

/// The state that a node's value stands for: `XenbusStateUnknown` if it is no number or no state.
#[must_use]
pub fn state_from_value(value: &[u8]) -> XenbusState {
    let number = core::str::from_utf8(value).ok().and_then(|text| text.trim().parse::<u32>().ok());
    let state = number.map_or(XenbusStateUnknown, XenbusState::from);
    if state <= XenbusStateReconfigured { state } else { XenbusStateUnknown }
}
