//! The nodes in xenstore by which the two ends of a framebuffer agree. The device's kind is `vfb`.
//!
//! The front end publishes its page by its frame number: there is no grant. It also publishes its [`PROTOCOL`], by
//! which the back end knows how large the frame numbers in the page are.
//!
//! ```
//! use xen_io::framebuffer::setup::{self, Page};
//! use xen_io::xenbus::{End, toolstack};
//! use xen_io::xenstore::Client;
//! use xen_io::xenstore::server::{Server, ServerConfig};
//! use xen_ops::xen_abi::event_channel::evtchn_port_t;
//! use xen_ops::xen_abi::xen::domid_t;
//!
//! # let mut server = Server::new(ServerConfig::default());
//! # let (frontend, backend) = (domid_t(3), domid_t(0));
//! # let device = toolstack::Device::new("vfb", 0, frontend, backend);
//! # device.create(&mut Client::new(server.local(domid_t(0))), &[], &[])?;
//! let mut store = Client::new(server.local(domid_t(3)));
//! let front = End::frontend(&mut store, "vfb", 0)?;
//! let page = Page { frame: 1234, port: evtchn_port_t(5) };
//! setup::publish_frontend(&front, &mut store, page)?;
//! # drop(store);
//!
//! let mut store = Client::new(server.local(domid_t(0)));
//! let back = End::backend(&mut store, "vfb", frontend, 0)?;
//! assert_eq!(setup::other_page(&back, &mut store)?, page);
//! # use xen_ops::xen_abi::io::protocols::XEN_IO_PROTO_ABI_NATIVE;
//! assert_eq!(back.require(&mut store, setup::PROTOCOL)?, XEN_IO_PROTO_ABI_NATIVE);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use alloc::string::String;

use xen_ops::xen_abi::event_channel::evtchn_port_t;
use xen_ops::xen_abi::io::protocols::XEN_IO_PROTO_ABI_NATIVE;

use crate::xenbus::{End, Error, Key};
use crate::xenstore::Store;

/// Whether the back end wants to be told what has changed; in its directory.
pub const REQUEST_UPDATE: Key<u32> = Key::new("request-update");
/// Whether the back end takes pictures of another size; in its directory.
pub const RESIZE: Key<u32> = Key::new("feature-resize");
/// How much memory the picture may take, in MiB; in the back end's directory.
pub const VIDEO_MEMORY: Key<u32> = Key::new("videoram");

/// The ABI of the page, `XEN_IO_PROTO_ABI_*`: whether its frame numbers have 32 or 64 bits; in the front end's
/// directory. QEMU guesses if it is missing.
pub const PROTOCOL: Key<String> = Key::new("protocol");

const UPDATE: Key<u32> = Key::new("feature-update");
const FRAME: Key<u64> = Key::new("page-ref");
const PORT: Key<u32> = Key::new("event-channel");

/// The page that both share, and how to notify of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its number in the guest.
    pub frame: u64,
    /// The front end's port.
    pub port: evtchn_port_t,
}

/// Publishes a front end's page, the ABI of this program, and that it tells what has changed. Do so before this end is `Initialised`.
///
/// # Errors
///
/// [`Error::Store`].
pub fn publish_frontend<S: Store>(
    end: &End,
    store: &mut S,
    page: Page,
) -> Result<(), Error<S::TransportError>> {
    end.publish(store, FRAME, page.frame)?;
    end.publish(store, PORT, page.port.0)?;
    end.publish(store, PROTOCOL, XEN_IO_PROTO_ABI_NATIVE.into())?;
    end.publish(store, UPDATE, 1)
}

/// What the front end has published.
///
/// # Errors
///
/// [`Error::Missing`], [`Error::BadValue`] and [`Error::Store`].
pub fn other_page<S: Store>(end: &End, store: &mut S) -> Result<Page, Error<S::TransportError>> {
    let port = evtchn_port_t(end.require(store, PORT)?);
    Ok(Page { frame: end.require(store, FRAME)?, port })
}
