//! The nodes in xenstore by which the two ends of a block device agree.
//!
//! The back end publishes its [`Features`] and [`Geometry`]; the front end its [`Queue`]s. Each reads what the
//! other has published before it connects.
//!
//! ```
//! use xen_io::block::setup::{self, Features, Geometry, Queue};
//! use xen_io::xenbus::{End, toolstack};
//! use xen_io::xenstore::Client;
//! use xen_io::xenstore::server::{Server, ServerConfig};
//! use xen_ops::xen_abi::event_channel::evtchn_port_t;
//! use xen_ops::xen_abi::grant_table::grant_ref_t;
//! # use xen_ops::xen_abi::io::protocols::XEN_IO_PROTO_ABI_NATIVE;
//! use xen_ops::xen_abi::xen::domid_t;
//!
//! # let mut server = Server::new(ServerConfig::default());
//! # let (frontend, backend) = (domid_t(3), domid_t(0));
//! # let device = toolstack::Device::new("vbd", 51712, frontend, backend);
//! # device.create(&mut Client::new(server.local(domid_t(0))), &[], &[])?;
//! // The back end offers two queues of two pages each.
//! let mut store = Client::new(server.local(domid_t(0)));
//! let back = End::backend(&mut store, "vbd", frontend, 51712)?;
//! let features = Features { flush: true, max_queues: 2, max_ring_order: 1, ..Features::default() };
//! features.publish(&back, &mut store)?;
//! Geometry::of_sectors(2048).publish(&back, &mut store)?;
//! # drop(store);
//!
//! // The front end uses one queue of two pages.
//! let mut store = Client::new(server.local(domid_t(3)));
//! let front = End::frontend(&mut store, "vbd", 51712)?;
//! assert_eq!(Features::of_other(&front, &mut store)?, features);
//! assert_eq!(Geometry::of_other(&front, &mut store)?.sectors, 2048);
//! let queue = Queue { ring: vec![grant_ref_t(8), grant_ref_t(9)], port: evtchn_port_t(5) };
//! setup::publish_frontend(&front, &mut store, false, std::slice::from_ref(&queue))?;
//! # drop(store);
//!
//! let mut store = Client::new(server.local(domid_t(0)));
//! assert_eq!(setup::other_queues(&back, &mut store, &features)?, [queue]);
//! assert_eq!(back.require(&mut store, setup::PROTOCOL)?, XEN_IO_PROTO_ABI_NATIVE);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use xen_ops::xen_abi::event_channel::evtchn_port_t;
use xen_ops::xen_abi::grant_table::grant_ref_t;
use xen_ops::xen_abi::io::protocols::XEN_IO_PROTO_ABI_NATIVE;

use super::MAX_INDIRECT_SEGMENTS;
use crate::xenbus::{End, Error, Key, queues};
use crate::xenstore::Store;

/// The layout of the front end's requests, `XEN_IO_PROTO_ABI_*`: [`publish_frontend`] publishes its own. Missing, it is
/// the back end's.
pub const PROTOCOL: Key<String> = Key::new("protocol");

const FLUSH: Key<u32> = Key::new("feature-flush-cache");
const BARRIER: Key<u32> = Key::new("feature-barrier");
const DISCARD: Key<u32> = Key::new("feature-discard");
const DISCARD_SECURE: Key<u32> = Key::new("discard-secure");
const PERSISTENT: Key<u32> = Key::new("feature-persistent");
const INDIRECT: Key<u32> = Key::new("feature-max-indirect-segments");
const MAX_RING_ORDER: Key<u32> = Key::new("max-ring-page-order");
const RING_ORDER: Key<u32> = Key::new("ring-page-order");
const PORT: Key<u32> = Key::new("event-channel");
const SECTORS: Key<u64> = Key::new("sectors");
const SECTOR_SIZE: Key<u32> = Key::new("sector-size");
const INFO: Key<u32> = Key::new("info");
const RING: Key<u32> = Key::new("ring-ref");

/// The pages of a ring that has several.
const RINGS: [Key<u32>; 16] = [
    Key::new("ring-ref0"),
    Key::new("ring-ref1"),
    Key::new("ring-ref2"),
    Key::new("ring-ref3"),
    Key::new("ring-ref4"),
    Key::new("ring-ref5"),
    Key::new("ring-ref6"),
    Key::new("ring-ref7"),
    Key::new("ring-ref8"),
    Key::new("ring-ref9"),
    Key::new("ring-ref10"),
    Key::new("ring-ref11"),
    Key::new("ring-ref12"),
    Key::new("ring-ref13"),
    Key::new("ring-ref14"),
    Key::new("ring-ref15"),
];

/// The largest order of a ring's number of pages: 16 pages.
pub const MAX_ORDER: u32 = RINGS.len().ilog2();

/// What a back end supports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Flushes.
    pub flush: bool,
    /// Writes that are barriers.
    pub barrier: bool,
    /// Discards.
    pub discard: bool,
    /// Discards beyond recovery.
    pub discard_secure: bool,
    /// It keeps grants mapped, if the front end does not end them.
    pub persistent: bool,
    /// Segments of an indirect request; 0 if it takes none.
    pub max_indirect_segments: u32,
    /// The largest order of a ring's number of pages.
    pub max_ring_order: u32,
    /// How many queues it takes. 0 is 1.
    pub max_queues: u32,
}

impl Features {
    /// Everything that a [`Back`](super::Back) serves, apart from what depends on its storage: discards.
    pub const ALL: Self = Self {
        flush: true,
        barrier: true,
        discard: false,
        discard_secure: false,
        persistent: true,
        max_indirect_segments: MAX_INDIRECT_SEGMENTS as u32,
        max_ring_order: MAX_ORDER,
        max_queues: 16,
    };

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
        for (key, value) in [
            (FLUSH, u32::from(self.flush)),
            (BARRIER, u32::from(self.barrier)),
            (DISCARD, u32::from(self.discard)),
            (DISCARD_SECURE, u32::from(self.discard_secure)),
            (PERSISTENT, u32::from(self.persistent)),
            (INDIRECT, self.max_indirect_segments),
            (MAX_RING_ORDER, self.max_ring_order),
            (queues::MAX_QUEUES, self.max_queues.max(1)),
        ] {
            end.publish(store, key, value)?;
        }
        Ok(())
    }

    /// What the back end has published.
    ///
    /// # Errors
    ///
    /// [`Error::BadValue`] and [`Error::Store`].
    pub fn of_other<S: Store>(end: &End, store: &mut S) -> Result<Self, Error<S::TransportError>> {
        let mut number = |key| Ok::<_, Error<_>>(end.other(store, key)?.unwrap_or(0));
        Ok(Self {
            flush: number(FLUSH)? != 0,
            barrier: number(BARRIER)? != 0,
            discard: number(DISCARD)? != 0,
            discard_secure: number(DISCARD_SECURE)? != 0,
            persistent: number(PERSISTENT)? != 0,
            max_indirect_segments: number(INDIRECT)?,
            max_ring_order: number(MAX_RING_ORDER)?,
            max_queues: number(queues::MAX_QUEUES)?.max(1),
        })
    }
}

/// How large a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Sectors of 512 bytes.
    pub sectors: u64,
    /// Bytes that are read and written at once: 512 or a multiple.
    pub sector_size: u32,
    /// `VDISK_*`: whether it is a CD-ROM, removable or read-only.
    pub info: u32,
}

impl Geometry {
    /// A disk of so many sectors of 512 bytes.
    #[must_use]
    pub const fn of_sectors(sectors: u64) -> Self {
        Self { sectors, sector_size: super::SECTOR_SIZE as u32, info: 0 }
    }

    /// Publishes it for the front end.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn publish<S: Store>(
        &self,
        end: &End,
        store: &mut S,
    ) -> Result<(), Error<S::TransportError>> {
        end.publish(store, SECTORS, self.sectors)?;
        end.publish(store, SECTOR_SIZE, self.sector_size)?;
        end.publish(store, INFO, self.info)
    }

    /// What the back end has published.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], [`Error::BadValue`] and [`Error::Store`].
    pub fn of_other<S: Store>(end: &End, store: &mut S) -> Result<Self, Error<S::TransportError>> {
        Ok(Self {
            sectors: end.require(store, SECTORS)?,
            sector_size: end.require(store, SECTOR_SIZE)?,
            info: end.other(store, INFO)?.unwrap_or(0),
        })
    }
}

/// A ring, and how to notify of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// The grants of its pages: 1, 2, 4, 8 or 16.
    pub ring: Vec<grant_ref_t>,
    /// The front end's port.
    pub port: evtchn_port_t,
}

/// Publishes a front end's queues, whose rings have equally many pages, the [ABI](PROTOCOL) of their entries, and whether
/// it keeps its grants for the back end to keep mapped.
///
/// # Errors
///
/// [`Error::Store`].
pub fn publish_frontend<S: Store>(
    end: &End,
    store: &mut S,
    persistent: bool,
    queues: &[Queue],
) -> Result<(), Error<S::TransportError>> {
    end.publish(store, PROTOCOL, XEN_IO_PROTO_ABI_NATIVE.into())?;
    end.publish(store, PERSISTENT, u32::from(persistent))?;
    let count = u32::try_from(queues.len()).unwrap_or(u32::MAX);
    queues::publish(end, store, count)?;
    if let Some(order) = queues.first().and_then(|queue| queue.ring.len().checked_ilog2()) {
        if order > 0 {
            end.publish(store, RING_ORDER, order)?;
        }
    }
    for (index, queue) in (0..count).zip(queues) {
        let end = end.queue(index, count);
        match &queue.ring[..] {
            [only] => end.publish(store, RING, only.0)?,
            several => {
                for (key, grant) in RINGS.into_iter().zip(several) {
                    end.publish(store, key, grant.0)?;
                }
            }
        }
        end.publish(store, PORT, queue.port.0)?;
    }
    Ok(())
}

/// Whether the front end keeps its grants.
///
/// # Errors
///
/// [`Error::BadValue`] and [`Error::Store`].
pub fn other_is_persistent<S: Store>(
    end: &End,
    store: &mut S,
) -> Result<bool, Error<S::TransportError>> {
    end.other_flag(store, PERSISTENT)
}

/// The queues that the front end has published: no more, and no larger, than the back end takes.
///
/// # Errors
///
/// [`Error::Missing`] if a queue is not described, [`Error::BadValue`] if there are too many or they are too
/// large, [`Error::Store`].
pub fn other_queues<S: Store>(
    end: &End,
    store: &mut S,
    features: &Features,
) -> Result<Vec<Queue>, Error<S::TransportError>> {
    let count = queues::count(end, store, features.max_queues)?;
    let order = end.other(store, RING_ORDER)?;
    let pages = match order.unwrap_or(0) {
        order if order <= features.max_ring_order.min(MAX_ORDER) => 1_usize << order,
        order => return Err(end.bad_value(RING_ORDER, order)),
    };
    let mut queues = Vec::new();
    for index in 0..count {
        let end = end.queue(index, count);
        let mut ring = Vec::new();
        // A ring of one page may be described in either way.
        if let (1, Some(only)) = (pages, end.other(store, RING)?) {
            ring.push(grant_ref_t(only));
        } else {
            for key in RINGS.into_iter().take(pages) {
                ring.push(grant_ref_t(end.require(store, key)?));
            }
        }
        queues.push(Queue { ring, port: evtchn_port_t(end.require(store, PORT)?) });
    }
    Ok(queues)
}
