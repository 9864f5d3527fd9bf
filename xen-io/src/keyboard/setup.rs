//! The nodes in xenstore by which the two ends of a keyboard agree. The device's kind is `vkbd`.
//!
//! The back end publishes its [`Features`], the front end its [`Page`] and which of the features it
//! wants. QEMU's back end finds the page by its frame number, others by its grant: both are published.
//!
//! ```
//! use xen_io::keyboard::setup::{self, Features, Page};
//! use xen_io::xenbus::{End, toolstack};
//! use xen_io::xenstore::Client;
//! use xen_io::xenstore::server::{Server, ServerConfig};
//! use xen_ops::xen_abi::event_channel::evtchn_port_t;
//! use xen_ops::xen_abi::grant_table::grant_ref_t;
//! use xen_ops::xen_abi::xen::domid_t;
//!
//! # let mut server = Server::new(ServerConfig::default());
//! # let (frontend, backend) = (domid_t(3), domid_t(0));
//! # let device = toolstack::Device::new("vkbd", 0, frontend, backend);
//! # device.create(&mut Client::new(server.local(domid_t(0))), &[], &[])?;
//! let mut store = Client::new(server.local(domid_t(0)));
//! let back = End::backend(&mut store, "vkbd", frontend, 0)?;
//! let features = Features { positions: true, touch: false };
//! features.publish(&back, &mut store)?;
//! # drop(store);
//!
//! let mut store = Client::new(server.local(domid_t(3)));
//! let front = End::frontend(&mut store, "vkbd", 0)?;
//! let wanted = Features::of_other(&front, &mut store)?;
//! let page = Page { grant: grant_ref_t(8), frame: 1234, port: evtchn_port_t(5) };
//! setup::publish_frontend(&front, &mut store, wanted, page)?;
//! # drop(store);
//!
//! let mut store = Client::new(server.local(domid_t(0)));
//! assert_eq!(setup::other_page(&back, &mut store)?, (features, page));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use xen_ops::xen_abi::event_channel::evtchn_port_t;
use xen_ops::xen_abi::grant_table::grant_ref_t;
use xen_ops::xen_abi::io::kbdif::{
    XENKBD_FIELD_EVT_CHANNEL, XENKBD_FIELD_FEAT_ABS_POINTER, XENKBD_FIELD_FEAT_MTOUCH,
    XENKBD_FIELD_REQ_ABS_POINTER, XENKBD_FIELD_REQ_MTOUCH, XENKBD_FIELD_RING_GREF,
    XENKBD_FIELD_RING_REF,
};

use crate::xenbus::{End, Error, Key};
use crate::xenstore::Store;

/// The largest position, for [`InputEvent::Position`](super::InputEvent::Position); in the back end's directory.
pub const WIDTH: Key<u32> = Key::new(xen_ops::xen_abi::io::kbdif::XENKBD_FIELD_WIDTH);
/// As [`WIDTH`], downwards.
pub const HEIGHT: Key<u32> = Key::new(xen_ops::xen_abi::io::kbdif::XENKBD_FIELD_HEIGHT);

const HAS_POSITIONS: Key<u32> = Key::new(XENKBD_FIELD_FEAT_ABS_POINTER);
const HAS_TOUCH: Key<u32> = Key::new(XENKBD_FIELD_FEAT_MTOUCH);
const WANTS_POSITIONS: Key<u32> = Key::new(XENKBD_FIELD_REQ_ABS_POINTER);
const WANTS_TOUCH: Key<u32> = Key::new(XENKBD_FIELD_REQ_MTOUCH);
const GRANT: Key<u32> = Key::new(XENKBD_FIELD_RING_GREF);
const FRAME: Key<u64> = Key::new(XENKBD_FIELD_RING_REF);
const PORT: Key<u32> = Key::new(XENKBD_FIELD_EVT_CHANNEL);

/// Which events there are beside keys and motions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Positions of the pointer instead of motions.
    pub positions: bool,
    /// Touches.
    pub touch: bool,
}

impl Features {
    /// Publishes what the back end can send.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn publish<S: Store>(
        &self,
        end: &End,
        store: &mut S,
    ) -> Result<(), Error<S::TransportError>> {
        end.publish(store, HAS_POSITIONS, self.positions.into())?;
        end.publish(store, HAS_TOUCH, self.touch.into())
    }

    /// What the back end has published.
    ///
    /// # Errors
    ///
    /// [`Error::BadValue`] and [`Error::Store`].
    pub fn of_other<S: Store>(end: &End, store: &mut S) -> Result<Self, Error<S::TransportError>> {
        Self::read(end, store, HAS_POSITIONS, HAS_TOUCH)
    }

    fn read<S: Store>(
        end: &End,
        store: &mut S,
        positions: Key<u32>,
        touch: Key<u32>,
    ) -> Result<Self, Error<S::TransportError>> {
        let mut flag =
            |key| Ok::<_, Error<_>>(end.other(store, key)?.is_some_and(|value| value != 0));
        Ok(Self { positions: flag(positions)?, touch: flag(touch)? })
    }
}

/// The page of events, and how to notify of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its grant.
    pub grant: grant_ref_t,
    /// Its number in the guest.
    pub frame: u64,
    /// The front end's port.
    pub port: evtchn_port_t,
}

/// Publishes a front end's page, and which features it wants. Do so before this end is `Initialised`.
///
/// # Errors
///
/// [`Error::Store`].
pub fn publish_frontend<S: Store>(
    end: &End,
    store: &mut S,
    wanted: Features,
    page: Page,
) -> Result<(), Error<S::TransportError>> {
    end.publish(store, WANTS_POSITIONS, wanted.positions.into())?;
    end.publish(store, WANTS_TOUCH, wanted.touch.into())?;
    end.publish(store, FRAME, page.frame)?;
    end.publish(store, GRANT, page.grant.0)?;
    end.publish(store, PORT, page.port.0)
}

/// What the front end has published.
///
/// # Errors
///
/// [`Error::Missing`], [`Error::BadValue`] and [`Error::Store`].
pub fn other_page<S: Store>(
    end: &End,
    store: &mut S,
) -> Result<(Features, Page), Error<S::TransportError>> {
    let wanted = Features::read(end, store, WANTS_POSITIONS, WANTS_TOUCH)?;
    let page = Page {
        grant: grant_ref_t(end.require(store, GRANT)?),
        frame: end.require(store, FRAME)?,
        port: evtchn_port_t(end.require(store, PORT)?),
    };
    Ok((wanted, page))
}
