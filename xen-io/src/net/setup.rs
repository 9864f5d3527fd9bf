//! The nodes in xenstore by which the two ends of a network device agree.
//!
//! The back end publishes its [`Offloads`] and how many [queues](queues::MAX_QUEUES) it takes, the front end
//! its [`Offloads`] and its [`Queue`]s. Each reads what the other has published before it connects.
//!
//! ```
//! use xen_io::net::setup::{self, Offloads, Queue};
//! use xen_io::xenbus::{End, queues, toolstack};
//! use xen_io::xenstore::Client;
//! use xen_io::xenstore::server::{Server, ServerConfig};
//! use xen_ops::xen_abi::event_channel::evtchn_port_t;
//! use xen_ops::xen_abi::grant_table::grant_ref_t;
//! use xen_ops::xen_abi::xen::domid_t;
//!
//! # let mut server = Server::new(ServerConfig::default());
//! # let (frontend, backend) = (domid_t(3), domid_t(0));
//! # let device = toolstack::Device::new("vif", 0, frontend, backend);
//! # device.create(&mut Client::new(server.local(domid_t(0))), &[], &[])?;
//! // The back end offers what it can do.
//! let mut store = Client::new(server.local(domid_t(0)));
//! let back = End::backend(&mut store, "vif", frontend, 0)?;
//! setup::publish_backend(&back, &mut store, Offloads::ALL, 4)?;
//! # drop(store);
//!
//! // The front end uses one queue, without offloads, and one event channel for both rings.
//! let mut store = Client::new(server.local(domid_t(3)));
//! let front = End::frontend(&mut store, "vif", 0)?;
//! assert_eq!(Offloads::of_other(&front, &mut store)?, Offloads::ALL);
//! let port = evtchn_port_t(5);
//! let queue = Queue { tx_ring: grant_ref_t(8), rx_ring: grant_ref_t(9), tx_port: port, rx_port: port };
//! setup::publish_frontend(&front, &mut store, Offloads::NONE, &[queue])?;
//! # drop(store);
//!
//! let mut store = Client::new(server.local(domid_t(0)));
//! assert_eq!(setup::other_queues(&back, &mut store, 4)?, [queue]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use alloc::vec::Vec;

use xen_ops::xen_abi::event_channel::evtchn_port_t;
use xen_ops::xen_abi::grant_table::grant_ref_t;

use crate::xenbus::{End, Error, Key, queues};
use crate::xenstore::Store;

/// Whether the network is connected, 0 or 1; in the back end's directory. Missing counts as 1.
pub const CARRIER: Key<u32> = Key::new("carrier");
/// The front end's address, as `xx:xx:xx:xx:xx:xx`; in both directories, from the toolstack.
pub const MAC: Key<alloc::string::String> = Key::new("mac");
/// The largest packet without its Ethernet header; in the front end's directory, from the toolstack.
pub const MTU: Key<u32> = Key::new("mtu");
/// Whether the back end copies packets to the front end's pages. Every back end does.
pub const RX_COPY: Key<u32> = Key::new("feature-rx-copy");
/// Whether the front end asks for that. It has to.
pub const REQUEST_RX_COPY: Key<u32> = Key::new("request-rx-copy");
/// Whether the front end notifies after it has posted buffers.
pub const RX_NOTIFY: Key<u32> = Key::new("feature-rx-notify");
/// Whether the back end takes an event channel for each ring of a queue.
pub const SPLIT_EVENT_CHANNELS: Key<u32> = Key::new("feature-split-event-channels");
/// Whether the back end filters multicast packets.
pub const MULTICAST_CONTROL: Key<u32> = Key::new("feature-multicast-control");
/// Whether the front end wants that.
pub const REQUEST_MULTICAST_CONTROL: Key<u32> = Key::new("request-multicast-control");

/// Whether the back end takes a control ring.
pub const CTRL_RING: Key<u32> = Key::new("feature-ctrl-ring");

const CTRL_REF: Key<u32> = Key::new("ctrl-ring-ref");
const CTRL_PORT: Key<u32> = Key::new("event-channel-ctrl");
const SG: Key<u32> = Key::new("feature-sg");
const GSO_TCP_V4: Key<u32> = Key::new("feature-gso-tcpv4");
const GSO_TCP_V6: Key<u32> = Key::new("feature-gso-tcpv6");
const NO_CHECKSUM_V4: Key<u32> = Key::new("feature-no-csum-offload");
const CHECKSUM_V6: Key<u32> = Key::new("feature-ipv6-csum-offload");
const TX_RING: Key<u32> = Key::new("tx-ring-ref");
const RX_RING: Key<u32> = Key::new("rx-ring-ref");
const PORT: Key<u32> = Key::new("event-channel");
const TX_PORT: Key<u32> = Key::new("event-channel-tx");
const RX_PORT: Key<u32> = Key::new("event-channel-rx");

/// Which packets an end takes, besides simple ones with their checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offloads {
    /// Packets of several fragments.
    pub scatter_gather: bool,
    /// Packets to be segmented: TCP in IPv4.
    pub gso_tcp_v4: bool,
    /// The same in IPv6.
    pub gso_tcp_v6: bool,
    /// Packets without a TCP or UDP checksum in IPv4. Linux's front end sends them to every back end, whatever that
    /// publishes: see [`BlankChecksum`](super::BlankChecksum).
    pub checksum_v4: bool,
    /// The same in IPv6.
    pub checksum_v6: bool,
}

impl Offloads {
    /// Simple packets only.
    pub const NONE: Self = Self {
        scatter_gather: false,
        gso_tcp_v4: false,
        gso_tcp_v6: false,
        checksum_v4: false,
        checksum_v6: false,
    };

    /// All packets.
    pub const ALL: Self = Self {
        scatter_gather: true,
        gso_tcp_v4: true,
        gso_tcp_v6: true,
        checksum_v4: true,
        checksum_v6: true,
    };

    /// What the other end has published.
    ///
    /// # Errors
    ///
    /// [`Error::BadValue`] and [`Error::Store`].
    pub fn of_other<S: Store>(end: &End, store: &mut S) -> Result<Self, Error<S::TransportError>> {
        Ok(Self {
            scatter_gather: end.other_flag(store, SG)?,
            gso_tcp_v4: end.other_flag(store, GSO_TCP_V4)?,
            gso_tcp_v6: end.other_flag(store, GSO_TCP_V6)?,
            checksum_v4: !end.other_flag(store, NO_CHECKSUM_V4)?,
            checksum_v6: end.other_flag(store, CHECKSUM_V6)?,
        })
    }

    fn publish<S: Store>(self, end: &End, store: &mut S) -> Result<(), Error<S::TransportError>> {
        for (key, value) in [
            (SG, self.scatter_gather),
            (GSO_TCP_V4, self.gso_tcp_v4),
            (GSO_TCP_V6, self.gso_tcp_v6),
            (NO_CHECKSUM_V4, !self.checksum_v4),
            (CHECKSUM_V6, self.checksum_v6),
        ] {
            end.publish(store, key, u32::from(value))?;
        }
        Ok(())
    }
}

/// The rings of a queue, and how to notify of each: both ports are the same if it has one event channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// The grant of the transmit ring.
    pub tx_ring: grant_ref_t,
    /// The grant of the receive ring.
    pub rx_ring: grant_ref_t,
    /// The front end's port for the transmit ring.
    pub tx_port: evtchn_port_t,
    /// The front end's port for the receive ring.
    pub rx_port: evtchn_port_t,
}

/// Publishes what a back end takes: offloads, at most `max_queues` queues, and event channels of their own
/// for both rings.
///
/// # Errors
///
/// [`Error::Store`].
pub fn publish_backend<S: Store>(
    end: &End,
    store: &mut S,
    offloads: Offloads,
    max_queues: u32,
) -> Result<(), Error<S::TransportError>> {
    offloads.publish(end, store)?;
    end.publish(store, RX_COPY, 1)?;
    end.publish(store, SPLIT_EVENT_CHANNELS, 1)?;
    end.publish(store, queues::MAX_QUEUES, max_queues)
}

/// Publishes a front end's queues, and which offloads it takes in packets to it.
///
/// # Errors
///
/// [`Error::Store`].
pub fn publish_frontend<S: Store>(
    end: &End,
    store: &mut S,
    offloads: Offloads,
    queues: &[Queue],
) -> Result<(), Error<S::TransportError>> {
    offloads.publish(end, store)?;
    end.publish(store, REQUEST_RX_COPY, 1)?;
    end.publish(store, RX_NOTIFY, 1)?;
    let count = u32::try_from(queues.len()).unwrap_or(u32::MAX);
    queues::publish(end, store, count)?;
    for (index, queue) in (0..count).zip(queues) {
        let end = end.queue(index, count);
        end.publish(store, TX_RING, queue.tx_ring.0)?;
        end.publish(store, RX_RING, queue.rx_ring.0)?;
        if queue.tx_port == queue.rx_port {
            end.publish(store, PORT, queue.tx_port.0)?;
        } else {
            end.publish(store, TX_PORT, queue.tx_port.0)?;
            end.publish(store, RX_PORT, queue.rx_port.0)?;
        }
    }
    Ok(())
}

/// The queues that the front end has published, at most `max_queues`.
///
/// # Errors
///
/// [`Error::Missing`] if a queue is not described, or the front end does not ask to copy packets to its pages;
/// [`Error::BadValue`] and [`Error::Store`].
pub fn other_queues<S: Store>(
    end: &End,
    store: &mut S,
    max_queues: u32,
) -> Result<Vec<Queue>, Error<S::TransportError>> {
    if !end.other_flag(store, REQUEST_RX_COPY)? {
        let path = alloc::format!("{}/{}", end.other_directory(), REQUEST_RX_COPY.name());
        return Err(Error::Missing { path });
    }
    let count = queues::count(end, store, max_queues)?;
    let mut queues = Vec::new();
    for index in 0..count {
        let end = end.queue(index, count);
        let (tx_port, rx_port) = match end.other(store, TX_PORT)? {
            Some(tx_port) => (tx_port, end.require(store, RX_PORT)?),
            None => {
                let port = end.require(store, PORT)?;
                (port, port)
            }
        };
        queues.push(Queue {
            tx_ring: grant_ref_t(end.require(store, TX_RING)?),
            rx_ring: grant_ref_t(end.require(store, RX_RING)?),
            tx_port: evtchn_port_t(tx_port),
            rx_port: evtchn_port_t(rx_port),
        });
    }
    Ok(queues)
}

/// The control ring, and how to notify of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CtrlRing {
    /// Its grant.
    pub ring: grant_ref_t,
    /// The front end's port.
    pub port: evtchn_port_t,
}

/// Publishes a front end's control ring, if the back end takes one, and returns whether it does.
///
/// # Errors
///
/// [`Error::BadValue`] and [`Error::Store`].
pub fn publish_ctrl_ring<S: Store>(
    end: &End,
    store: &mut S,
    ctrl: CtrlRing,
) -> Result<bool, Error<S::TransportError>> {
    if !end.other_flag(store, CTRL_RING)? {
        return Ok(false);
    }
    end.publish(store, CTRL_REF, ctrl.ring.0)?;
    end.publish(store, CTRL_PORT, ctrl.port.0)?;
    Ok(true)
}

/// The control ring of the front end, if it has one.
///
/// # Errors
///
/// [`Error::Missing`] if it has no port; [`Error::BadValue`] and [`Error::Store`].
pub fn other_ctrl_ring<S: Store>(
    end: &End,
    store: &mut S,
) -> Result<Option<CtrlRing>, Error<S::TransportError>> {
    let Some(ring) = end.other(store, CTRL_REF)? else { return Ok(None) };
    let port = evtchn_port_t(end.require(store, CTRL_PORT)?);
    Ok(Some(CtrlRing { ring: grant_ref_t(ring), port }))
}
