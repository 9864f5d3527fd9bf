//! The client.

mod connection;
mod domains;
mod error;
mod store;
mod transaction;

use alloc::collections::VecDeque;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

pub use connection::{Connection, Event, Incoming, ProtocolError, Reply, RequestId};
pub use error::Error;
pub use store::Store;
pub use transaction::Transaction;

use super::transport::Transport;
use super::wire::{Request, type_name};
use super::{Path, ToPath};

/// Events that a client stores until they are taken.
pub const MAX_EVENTS: usize = 4096;

/// A client of xenstored that waits for each reply.
///
/// [`Store`] has the operations on the tree. Events are stored while a reply is waited for, up to
/// [`MAX_EVENTS`] different ones.
///
/// ```no_run
/// use xen_io::xenstore::{self, Client, Store};
///
/// let mut client = Client::new(xenstore::open()?);
/// println!("{}", client.read_string("name")?);
/// client.watch("control/shutdown", "shutdown")?;
/// loop {
///     let event = client.next_event()?;
///     println!("{} changed: {:?}", event.path(), client.try_read(event.path())?);
/// }
/// # #[allow(unreachable_code)]
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client<T: Transport> {
    transport: T,
    connection: Connection,
    events: VecDeque<Event>,
    events_lost: bool,
}

impl<T: Transport> Client<T> {
    /// A client over a transport on which nothing was sent yet.
    #[must_use]
    pub const fn new(transport: T) -> Self {
        let connection = Connection::new();
        Self { transport, connection, events: VecDeque::new(), events_lost: false }
    }

    /// The transport.
    pub const fn transport(&self) -> &T {
        &self.transport
    }

    /// The transport, to wait for it together with other things. What is sent or received through it is
    /// missed by the client.
    pub const fn transport_mut(&mut self) -> &mut T {
        &mut self.transport
    }

    /// The transport, without the client. Replies and events that have come are lost.
    #[must_use]
    pub fn into_transport(self) -> T {
        self.transport
    }

    /// Forgets everything about the connection, for a transport that has been reconnected: watches and
    /// transactions are gone, and so are events that were not taken.
    pub fn reset(&mut self) {
        self.connection = Connection::new();
        self.events.clear();
        self.events_lost = false;
    }

    /// Watches a node and all below it. The first event comes at once. `token` is repeated in the events.
    ///
    /// # Errors
    ///
    /// As for [`Store`]; `EEXIST` for a watch of the same node with the same token, `ENOSPC` if the caller
    /// has too many.
    pub fn watch(&mut self, path: impl ToPath, token: &str) -> Result<(), Error<T::Error>> {
        let (path, token) = (path.to_path()?, token.as_bytes());
        self.call(&Request::Watch { path, token, depth: None }).map(drop)
    }

    /// Watches a node and what is at most `depth` levels below it. Since Xen 4.22.
    ///
    /// # Errors
    ///
    /// As for [`watch`](Self::watch); `EINVAL` if xenstored does not support it.
    pub fn watch_depth(
        &mut self,
        path: impl ToPath,
        token: &str,
        depth: u32,
    ) -> Result<(), Error<T::Error>> {
        let (path, token) = (path.to_path()?, token.as_bytes());
        self.call(&Request::Watch { path, token, depth: Some(depth) }).map(drop)
    }

    /// Removes a watch, and its events that were not taken.
    ///
    /// # Errors
    ///
    /// As for [`Store`]; `ENOENT` if there is no such watch.
    pub fn unwatch(&mut self, path: impl ToPath, token: &str) -> Result<(), Error<T::Error>> {
        let (path, token) = (path.to_path()?, token.as_bytes());
        self.call(&Request::Unwatch { path, token })?;
        self.events.retain(|event| !event.belongs_to(path, token));
        Ok(())
    }

    /// Removes all watches and transactions of the connection.
    ///
    /// # Errors
    ///
    /// As for [`Store`].
    pub fn reset_watches(&mut self) -> Result<(), Error<T::Error>> {
        self.call(&Request::ResetWatches)?;
        self.events.clear();
        self.events_lost = false;
        Ok(())
    }

    /// The next event. Waits until there is one.
    ///
    /// # Errors
    ///
    /// [`Error::EventsLost`], once, after the last event that was stored, if more came than are stored;
    /// [`Error::Transport`] and [`Error::Protocol`].
    pub fn next_event(&mut self) -> Result<Event, Error<T::Error>> {
        loop {
            if let Some(event) = self.wait_event(None)? {
                return Ok(event);
            }
        }
    }

    /// The next event, or `None` if nothing comes for `timeout`, which may be zero. Without a timeout it waits
    /// as long as the transport does. What comes and is not an event starts the timeout again.
    ///
    /// # Errors
    ///
    /// As [`next_event`](Self::next_event).
    pub fn wait_event(
        &mut self,
        timeout: Option<Duration>,
    ) -> Result<Option<Event>, Error<T::Error>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if core::mem::take(&mut self.events_lost) {
                return Err(Error::EventsLost);
            }
            match self.receive()? {
                Some(Incoming::Event(event)) => return Ok(Some(event)),
                // No request is open here; the connection has reported such a reply as an error.
                Some(Incoming::Reply(_)) => {}
                // A wait may return early: the event of a reply that was taken without waiting.
                None => {
                    if !self.transport.wait(false, timeout).map_err(Error::Transport)? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Makes a request and waits for its reply.
    fn request(
        &mut self,
        transaction: u32,
        request: &Request<'_>,
    ) -> Result<Vec<u8>, Error<T::Error>> {
        let id = self.connection.submit(transaction, request)?;
        loop {
            while !self.connection.output().is_empty() {
                let sent = self.transport.send(self.connection.output());
                match sent.map_err(Error::Transport)? {
                    0 => break,
                    count => self.connection.sent(count),
                }
            }
            match self.receive()? {
                Some(Incoming::Reply(reply)) if reply.request == id => {
                    return reply.result.map_err(|error| Error::Refused {
                        request: type_name(request.message_type()).unwrap_or("?"),
                        object: object(request),
                        error,
                    });
                }
                // A reply to a request of which an earlier call has reported an error.
                Some(Incoming::Reply(_)) => {}
                Some(Incoming::Event(event)) => self.store(event),
                None => {
                    let sending = !self.connection.output().is_empty();
                    self.transport.wait(sending, None).map_err(Error::Transport)?;
                }
            }
        }
    }

    /// The next message, if all of it has come.
    fn receive(&mut self) -> Result<Option<Incoming>, Error<T::Error>> {
        loop {
            if let Some(incoming) = self.connection.poll()? {
                return Ok(Some(incoming));
            }
            let space = self.connection.space();
            match self.transport.receive(space).map_err(Error::Transport)? {
                0 => return Ok(None),
                count => self.connection.received(count)?,
            }
        }
    }

    fn store(&mut self, event: Event) {
        // An event says that something may have changed: a second one says no more. Special events are
        // the exception, since each stands for a domain.
        let special = event.path().starts_with('@');
        if !special && self.events.contains(&event) {
            return;
        }
        if self.events.len() < MAX_EVENTS {
            self.events.push_back(event);
        } else {
            self.events_lost = true;
        }
    }
}

impl<T: Transport> Store for Client<T> {
    type TransportError = T::Error;

    fn call(&mut self, request: &Request<'_>) -> Result<Vec<u8>, Error<T::Error>> {
        self.request(0, request)
    }
}

/// What a request is for, to name it in an error.
fn object(request: &Request<'_>) -> String {
    let path = |path: &Path<'_>| String::from(path.as_str());
    match request {
        Request::Read(node)
        | Request::Mkdir(node)
        | Request::Rm(node)
        | Request::Directory(node)
        | Request::GetPerms(node)
        | Request::Write { path: node, .. }
        | Request::DirectoryPart { path: node, .. }
        | Request::SetPerms { path: node, .. }
        | Request::Watch { path: node, .. }
        | Request::Unwatch { path: node, .. } => path(node),
        Request::Release(domid)
        | Request::GetDomainPath(domid)
        | Request::IsDomainIntroduced(domid)
        | Request::Resume(domid)
        | Request::GetFeature(Some(domid))
        | Request::Introduce { domid, .. }
        | Request::SetTarget { domid, .. }
        | Request::SetFeature { domid, .. } => domid.0.to_string(),
        _ => String::new(),
    }
}
