//! The nodes in xenstore by which the two ends of a 9pfs device agree.
//!
//! The front end's directory is `device/9pfs/ID`. The back end's kind is `9pfs`, or `xen_9pfs` if xen-9pfsd serves
//! it. The back end publishes its [`Limits`] and waits, the front end its [`Ring`]s.
//!
//! ```
//! use xen_io::p9fs::setup::{self, Limits, Ring};
//! use xen_io::xenbus::{End, toolstack};
//! use xen_io::xenstore::Client;
//! use xen_io::xenstore::server::{Server, ServerConfig};
//! use xen_ops::xen_abi::event_channel::evtchn_port_t;
//! use xen_ops::xen_abi::grant_table::grant_ref_t;
//! use xen_ops::xen_abi::xen::domid_t;
//!
//! # let mut server = Server::new(ServerConfig::default());
//! # let (frontend, backend) = (domid_t(3), domid_t(0));
//! # let device = toolstack::Device::new("9pfs", 0, frontend, backend);
//! # device.create(&mut Client::new(server.local(domid_t(0))), &[], &[])?;
//! let mut store = Client::new(server.local(domid_t(0)));
//! let back = End::backend(&mut store, "9pfs", frontend, 0)?;
//! let limits = Limits { rings: 1, order: 4 };
//! limits.publish(&back, &mut store)?;
//! # drop(store);
//!
//! let mut store = Client::new(server.local(domid_t(3)));
//! let front = End::frontend(&mut store, "9pfs", 0)?;
//! assert_eq!(Limits::of_other(&front, &mut store)?, limits);
//! let ring = Ring { interface: grant_ref_t(8), port: evtchn_port_t(5) };
//! setup::publish_frontend(&front, &mut store, &[ring])?;
//! # drop(store);
//!
//! let mut store = Client::new(server.local(domid_t(0)));
//! assert_eq!(setup::other_rings(&back, &mut store, limits)?, [ring]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use xen_ops::xen_abi::event_channel::evtchn_port_t;
use xen_ops::xen_abi::grant_table::grant_ref_t;

use crate::stream::flex::MAX_ORDER;
use crate::xenbus::{End, Error, Key};
use crate::xenstore::Store;

/// The name under which a guest mounts the file system; in the front end's directory, from the toolstack.
pub const TAG: Key<String> = Key::new("tag");

/// The version of the transport, which is the only one.
const VERSION: &str = "1";
const VERSIONS: Key<String> = Key::new("versions");
const CHOSEN: Key<String> = Key::new("version");
const MAX_RINGS: Key<u32> = Key::new("max-rings");
const ORDER: Key<u32> = Key::new("max-ring-page-order");
const NUM_RINGS: Key<u32> = Key::new("num-rings");

/// The nodes of each ring that a device can have: of its interface page, and of its port.
const RINGS: [(Key<u32>, Key<u32>); 4] = [
    (Key::new("ring-ref0"), Key::new("event-channel-0")),
    (Key::new("ring-ref1"), Key::new("event-channel-1")),
    (Key::new("ring-ref2"), Key::new("event-channel-2")),
    (Key::new("ring-ref3"), Key::new("event-channel-3")),
];

/// What a back end takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest number of rings. No more than 4 are used.
    pub rings: u32,
    /// The largest order of a ring's number of data pages, from 1 to [`MAX_ORDER`].
    pub order: u32,
}

impl Limits {
    /// Publishes them for the front end.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn publish<S: Store>(
        &self,
        end: &End,
        store: &mut S,
    ) -> Result<(), Error<S::TransportError>> {
        end.publish(store, VERSIONS, VERSION.into())?;
        end.publish(store, MAX_RINGS, self.rings)?;
        end.publish(store, ORDER, self.order)
    }

    /// What the back end has published, as far as it can be used.
    ///
    /// # Errors
    ///
    /// [`Error::BadValue`] if it does not have version 1 of the transport, or takes no ring;
    /// [`Error::Missing`] and [`Error::Store`].
    pub fn of_other<S: Store>(end: &End, store: &mut S) -> Result<Self, Error<S::TransportError>> {
        let versions: String = end.require(store, VERSIONS)?;
        if !versions.split(',').any(|version| version.trim() == VERSION) {
            return Err(end.bad_value(VERSIONS, versions));
        }
        let rings: u32 = end.require(store, MAX_RINGS)?;
        let order: u32 = end.require(store, ORDER)?;
        for (key, value) in [(MAX_RINGS, rings), (ORDER, order)] {
            if value == 0 {
                return Err(end.bad_value(key, value));
            }
        }
        Ok(Self { rings: rings.min(RINGS.len() as u32), order: order.min(MAX_ORDER) })
    }
}

/// A ring, and how to notify of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    /// The grant of the [interface page](crate::stream::flex::Interface).
    pub interface: grant_ref_t,
    /// The front end's port.
    pub port: evtchn_port_t,
}

/// Publishes a front end's rings. More than 4 are not.
///
/// # Errors
///
/// [`Error::Store`].
pub fn publish_frontend<S: Store>(
    end: &End,
    store: &mut S,
    rings: &[Ring],
) -> Result<(), Error<S::TransportError>> {
    end.publish(store, CHOSEN, VERSION.into())?;
    end.publish(store, NUM_RINGS, rings.len().min(RINGS.len()) as u32)?;
    for ((interface, port), ring) in RINGS.into_iter().zip(rings) {
        end.publish(store, interface, ring.interface.0)?;
        end.publish(store, port, ring.port.0)?;
    }
    Ok(())
}

/// The rings that the front end has published.
///
/// # Errors
///
/// [`Error::BadValue`] if it chose another version or has more rings than `limits` allow;
/// [`Error::Missing`] and [`Error::Store`].
pub fn other_rings<S: Store>(
    end: &End,
    store: &mut S,
    limits: Limits,
) -> Result<Vec<Ring>, Error<S::TransportError>> {
    let chosen: String = end.require(store, CHOSEN)?;
    if chosen != VERSION {
        return Err(end.bad_value(CHOSEN, chosen));
    }
    let count: u32 = end.require(store, NUM_RINGS)?;
    if count == 0 || count > limits.rings.min(RINGS.len() as u32) {
        return Err(end.bad_value(NUM_RINGS, count));
    }
    let mut rings = Vec::new();
    for (interface, port) in RINGS.into_iter().take(count as usize) {
        rings.push(Ring {
            interface: grant_ref_t(end.require(store, interface)?),
            port: evtchn_port_t(end.require(store, port)?),
        });
    }
    Ok(rings)
}
