//! The nodes in xenstore by which the two ends of a keyboard agree. The device's kind is `vkbd`.
//!
//! The back end publishes its [`Features`], the front end its [`Page`] and which of the features it
//! wants. QEMU's back end finds the page by its frame number, others by its grant: a front end publishes both.
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
//! let grant = Some(grant_ref_t(8));
//! let page = Page { grant, frame: Some(1234), port: evtchn_port_t(5) };
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
    XENKBD_FIELD_HEIGHT, XENKBD_FIELD_MT_HEIGHT, XENKBD_FIELD_MT_NUM_CONTACTS,
    XENKBD_FIELD_MT_WIDTH, XENKBD_FIELD_REQ_ABS_POINTER, XENKBD_FIELD_REQ_MTOUCH,
    XENKBD_FIELD_RING_GREF, XENKBD_FIELD_RING_REF, XENKBD_FIELD_WIDTH,
};

use crate::xenbus::{End, Error, Key};
use crate::xenstore::Store;

/// The largest position, for [`InputEvent::Position`](super::InputEvent::Position); in the back end's directory.
pub const WIDTH: Key<u32> = Key::new(XENKBD_FIELD_WIDTH);
/// As [`WIDTH`], downwards.
pub const HEIGHT: Key<u32> = Key::new(XENKBD_FIELD_HEIGHT);
/// The width of the area that is touched, for [`Touch`](super::Touch); in the back end's directory.
pub const TOUCH_WIDTH: Key<u32> = Key::new(XENKBD_FIELD_MT_WIDTH);
/// As [`TOUCH_WIDTH`], downwards.
pub const TOUCH_HEIGHT: Key<u32> = Key::new(XENKBD_FIELD_MT_HEIGHT);
/// How many contacts the back end tells apart: the highest number of one is one less. In the back end's directory;
/// Linux takes 1 if it is missing.
pub const TOUCH_CONTACTS: Key<u32> = Key::new(XENKBD_FIELD_MT_NUM_CONTACTS);

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
        let positions = end.other_flag(store, positions)?;
        Ok(Self { positions, touch: end.other_flag(store, touch)? })
    }
}

/// The page of events, and how to notify of it.
///
/// Upstream calls the frame number obsolete, and QEMU's back end knows no other way. One of the two is there; a front
/// end that gives both is found by every back end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its grant.
    pub grant: Option<grant_ref_t>,
    /// Its frame number in the guest.
    pub frame: Option<u64>,
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
    if let Some(frame) = page.frame {
        end.publish(store, FRAME, frame)?;
    }
    if let Some(grant) = page.grant {
        end.publish(store, GRANT, grant.0)?;
    }
    end.publish(store, PORT, page.port.0)
}

/// What the front end has published.
///
/// # Errors
///
/// [`Error::Missing`] if there is neither a grant nor a frame number, or no port; [`Error::BadValue`] and
/// [`Error::Store`].
pub fn other_page<S: Store>(
    end: &End,
    store: &mut S,
) -> Result<(Features, Page), Error<S::TransportError>> {
    let wanted = Features::read(end, store, WANTS_POSITIONS, WANTS_TOUCH)?;
    let frame = end.other(store, FRAME)?;
    let grant = match frame {
        Some(_) => end.other(store, GRANT)?,
        None => Some(end.require(store, GRANT)?),
    };
    let port = evtchn_port_t(end.require(store, PORT)?);
    let page = Page { grant: grant.map(grant_ref_t), frame, port };
    Ok((wanted, page))
}
