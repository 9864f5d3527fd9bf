//! The page that a domain shares with xenstored, as the domain uses it.

use core::fmt;
use core::sync::atomic::Ordering::{Acquire, Release};
use core::time::Duration;

use xen_ops::xen_abi::io::xs_wire::{
    XENSTORE_ERROR_COMM, XENSTORE_ERROR_NONE, XENSTORE_ERROR_PROTO, XENSTORE_ERROR_RINGIDX,
    XENSTORE_RECONNECT, XENSTORE_SERVER_FEATURE_ERROR, XENSTORE_SERVER_FEATURE_RECONNECTION,
};
use xen_ops::{ReadWrite, View};

use super::Transport;
use crate::EventChannel;
use crate::error::BadIndex;
use crate::stream::xenstore::CLIENT;
use crate::xenstore::page::{CONNECTION, ERROR, PageStream, RING_SIZE, SERVER_FEATURES, attach};

/// The page and event channel of a guest, as a transport.
///
/// Start info has both for a PV guest, `HVM_PARAM_STORE_PFN` and `HVM_PARAM_STORE_EVTCHN` for others.
///
/// Upstream: `docs/misc/xenstore-ring.txt`.
#[derive(Debug)]
pub struct RingTransport<'a, C> {
    stream: PageStream<'a>,
    channel: C,
    /// What was taken from the ring at once, so that one event tells xenstored.
    buffer: [u8; RING_SIZE],
    start: usize,
    end: usize,
}

/// Why the ring is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RingError<E> {
    /// An index of xenstored's is wrong: reconnect.
    BadIndex(BadIndex),
    /// xenstored has stopped the connection.
    Server(ServerError),
    /// xenstored does not support reconnection.
    CannotReconnect,
    /// The event channel failed.
    Channel(E),
}

/// Why xenstored stopped a connection: `XENSTORE_ERROR_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerError {
    /// The event channel does not work.
    Communication,
    /// An index of the domain's was wrong.
    RingIndex,
    /// A message was too long.
    Protocol,
    /// Another value, which later releases may define.
    Other(u32),
}

impl ServerError {
    /// The error in the page's field, or `None` for no error.
    #[must_use]
    pub const fn from_field(value: u32) -> Option<Self> {
        Some(match value {
            XENSTORE_ERROR_NONE => return None,
            XENSTORE_ERROR_COMM => Self::Communication,
            XENSTORE_ERROR_RINGIDX => Self::RingIndex,
            XENSTORE_ERROR_PROTO => Self::Protocol,
            other => Self::Other(other),
        })
    }

    /// The value of the page's field.
    #[must_use]
    pub const fn field(self) -> u32 {
        match self {
            Self::Communication => XENSTORE_ERROR_COMM,
            Self::RingIndex => XENSTORE_ERROR_RINGIDX,
            Self::Protocol => XENSTORE_ERROR_PROTO,
            Self::Other(value) => value,
        }
    }
}

impl<'a, C: EventChannel> RingTransport<'a, C> {
    /// Attaches to the ring where it stands. If a connection is being set up, as it is for a guest that
    /// starts before xenstored does (dom0less), this waits until it is.
    ///
    /// # Errors
    ///
    /// [`RingError`]: the event channel failed, xenstored has stopped the connection, or its indices are
    /// wrong.
    pub fn attach(page: View<'a, ReadWrite>, channel: C) -> Result<Self, RingError<C::Error>> {
        let stream = connected(page, &channel)?;
        Ok(Self { stream, channel, buffer: [0; RING_SIZE], start: 0, end: 0 })
    }

    /// Has xenstored reset the connection: no requests, watches or transactions are left. Do the same to
    /// the client, by [`Client::reset`](crate::xenstore::Client::reset). This is for a domain that has
    /// resumed or booted again without leaving the ring in order, and after an error.
    ///
    /// # Errors
    ///
    /// [`RingError::CannotReconnect`] if xenstored does not offer it; or the event channel failed.
    pub fn reconnect(&mut self) -> Result<(), RingError<C::Error>> {
        if self.server_features() & XENSTORE_SERVER_FEATURE_RECONNECTION == 0 {
            return Err(RingError::CannotReconnect);
        }
        let page = self.page();
        page.at(CONNECTION).store(XENSTORE_RECONNECT, Release);
        self.channel.notify().map_err(RingError::Channel)?;
        (self.start, self.end) = (0, 0);
        self.stream = connected(page, &self.channel)?;
        Ok(())
    }

    /// The features that xenstored offers, `XENSTORE_SERVER_FEATURE_*`.
    #[must_use]
    pub fn server_features(&self) -> u32 {
        self.page().at(SERVER_FEATURES).load(Acquire)
    }

    /// The event channel.
    pub const fn channel(&self) -> &C {
        &self.channel
    }

    fn page(&self) -> View<'a, ReadWrite> {
        *self.stream.pages()
    }
}

/// Waits until the connection is there: until then, nothing else in the page has a meaning.
fn connected<'p, C: EventChannel>(
    page: View<'p, ReadWrite>,
    channel: &C,
) -> Result<PageStream<'p>, RingError<C::Error>> {
    while page.at(CONNECTION).load(Acquire) == XENSTORE_RECONNECT {
        channel.wait(None).map_err(RingError::Channel)?;
    }
    check_server(page)?;
    attach(page, CLIENT).map_err(RingError::BadIndex)
}

fn check_server<E>(page: View<'_, ReadWrite>) -> Result<(), RingError<E>> {
    if page.at(SERVER_FEATURES).load(Acquire) & XENSTORE_SERVER_FEATURE_ERROR == 0 {
        return Ok(());
    }
    match ServerError::from_field(page.at(ERROR).load(Acquire)) {
        Some(error) => Err(RingError::Server(error)),
        None => Ok(()),
    }
}

impl<C: EventChannel> Transport for RingTransport<'_, C> {
    type Error = RingError<C::Error>;

    fn send(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        let sent = self.stream.write(bytes).map_err(RingError::BadIndex)?;
        if sent.notify {
            self.channel.notify().map_err(RingError::Channel)?;
        }
        Ok(sent.bytes)
    }

    fn receive(&mut self, into: &mut [u8]) -> Result<usize, Self::Error> {
        if self.start == self.end {
            let received = self.stream.read(&mut self.buffer).map_err(RingError::BadIndex)?;
            (self.start, self.end) = (0, received.bytes);
            if received.notify {
                // xenstored may wait for space.
                self.channel.notify().map_err(RingError::Channel)?;
            }
        }
        let count = into.len().min(self.end - self.start);
        into[..count].copy_from_slice(&self.buffer[self.start..self.start + count]);
        self.start += count;
        Ok(count)
    }

    fn wait(&mut self, _sending: bool, timeout: Option<Duration>) -> Result<bool, Self::Error> {
        check_server(self.page())?;
        self.channel.wait(timeout).map_err(RingError::Channel)
    }
}

impl<E: fmt::Display> fmt::Display for RingError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadIndex(error) => write!(f, "{error}, or reconnect"),
            Self::Server(error) => error.fmt(f),
            Self::CannotReconnect => f.write_str("xenstored does not support reconnection"),
            Self::Channel(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for RingError<E> {}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("xenstored has stopped the connection: ")?;
        match self {
            Self::Communication => f.write_str("the event channel does not work"),
            Self::RingIndex => f.write_str("an index of this domain's was wrong; reconnect"),
            Self::Protocol => f.write_str("a message was too long; reconnect"),
            Self::Other(value) => write!(f, "error {value}"),
        }
    }
}

impl core::error::Error for ServerError {}
