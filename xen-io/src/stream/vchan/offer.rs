//! How a client finds a server: two nodes in xenstore.

use alloc::format;

use core::time::Duration;

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::grant_table::grant_ref_t;
use xen_abi::xen::domid_t;

use crate::xenbus::{Error, Key};
use crate::xenstore::{Client, Permission, Store, Transport};

const RING_REF: Key<u32> = Key::new("ring-ref");
const EVENT_CHANNEL: Key<u32> = Key::new("event-channel");

/// Where the server of a vchan is reached: `ring-ref` and `event-channel` in a directory that both sides
/// know, as libxenvchan has it.
///
/// The directory is the server's own, such as `data/echo`. The client names it with the server's domain:
/// `/local/domain/3/data/echo`.
///
/// ```
/// use xen_io::stream::vchan::Offer;
/// use xen_io::xenstore::server::{Server, ServerConfig};
/// use xen_io::xenstore::{Client, Permission, Store};
/// use xen_ops::xen_abi::event_channel::evtchn_port_t;
/// use xen_ops::xen_abi::grant_table::grant_ref_t;
/// use xen_ops::xen_abi::xen::domid_t;
///
/// # let mut xenstored = Server::new(ServerConfig::default());
/// # let mut toolstack = Client::new(xenstored.local(domid_t(0)));
/// # toolstack.mkdir("/local/domain/3/data")?;
/// # toolstack.set_permissions("/local/domain/3/data", &[Permission::none(domid_t(3))])?;
/// # drop(toolstack);
/// // The server, which is domain 3.
/// let mut store = Client::new(xenstored.local(domid_t(3)));
/// let offer = Offer { ring: grant_ref_t(8), port: evtchn_port_t(5) };
/// offer.publish(&mut store, "data/echo", domid_t(4))?;
/// # drop(store);
///
/// // The client, which is domain 4.
/// let mut store = Client::new(xenstored.local(domid_t(4)));
/// assert_eq!(Offer::read(&mut store, "/local/domain/3/data/echo")?, Some(offer));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The grant of the interface page.
    pub ring: grant_ref_t,
    /// The server's port.
    pub port: evtchn_port_t,
}

impl Offer {
    /// Writes both nodes below `path`, readable by the client's domain, in one transaction. Remove the
    /// directory when the vchan is closed.
    ///
    /// # Errors
    ///
    /// As for [`Store`].
    pub fn publish<T: Transport>(
        &self,
        store: &mut Client<T>,
        path: &str,
        client: impl Into<domid_t>,
    ) -> Result<(), crate::xenstore::Error<T::Error>> {
        let client = client.into();
        store.transaction(|transaction| {
            for (key, value) in [(RING_REF, self.ring.0), (EVENT_CHANNEL, self.port.0)] {
                let node = format!("{path}/{}", key.name());
                transaction.write(&node, format!("{value}"))?;
                // The owner is this domain, whose id a guest need not know.
                if let Some(owner) = transaction.permissions(&node)?.first() {
                    let own = Permission::none(owner.domid);
                    transaction.set_permissions(&node, &[own, Permission::read(client)])?;
                }
            }
            Ok(())
        })
    }

    /// What a server has published at `path`, or `None` if there is no server.
    ///
    /// # Errors
    ///
    /// [`Error::BadValue`] if a node is no number; [`Error::Store`].
    pub fn read<S: Store>(
        store: &mut S,
        path: &str,
    ) -> Result<Option<Self>, Error<S::TransportError>> {
        let ring = crate::xenbus::get(store, path, RING_REF)?;
        let port = crate::xenbus::get(store, path, EVENT_CHANNEL)?;
        Ok(ring
            .zip(port)
            .map(|(ring, port)| Self { ring: grant_ref_t(ring), port: evtchn_port_t(port) }))
    }

    /// As [`read`](Self::read), but waits until there is a server. `None` if nothing happens for `timeout`.
    /// The watch has `path` as its token; events of others are dropped.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn wait<T: Transport>(
        store: &mut Client<T>,
        path: &str,
        timeout: Option<Duration>,
    ) -> Result<Option<Self>, Error<T::Error>> {
        store.watch(path, path)?;
        let offer = loop {
            let offer = Self::read(store, path)?;
            if offer.is_some() || store.wait_event(timeout)?.is_none() && timeout.is_some() {
                break offer;
            }
        };
        store.unwatch(path, path)?;
        Ok(offer)
    }
}
