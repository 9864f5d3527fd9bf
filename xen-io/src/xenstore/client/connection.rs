//! A client's connection without input or output.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use xen_ops::xen_abi::io::xs_wire::{XS_ERROR, XS_WATCH_EVENT, xsd_sockmsg_type};

use crate::xenstore::Path;
use crate::xenstore::wire::{
    EncodeError, ErrorName, MESSAGE_MAX, MalformedReply, PayloadTooLong, Receiver, Request,
    WatchEvent, type_name,
};

/// A client's end of a connection: bytes in, bytes out, and no input or output of its own.
///
/// Any number of requests may be under way. [`Client`](super::Client) makes one at a time, over a
/// [`Transport`](super::Transport); an asynchronous program drives this type itself:
///
/// ```
/// use xen_io::xenstore::{Connection, Incoming, Path};
/// use xen_io::xenstore::wire::Request;
///
/// let mut connection = Connection::new();
/// let id = connection.submit(0, &Request::Read(Path::new("name")?))?;
///
/// // Send what is to be sent.
/// let sent = connection.output().len();
/// connection.sent(sent);
/// // Receive: here, a reply with the value "demo".
/// let mut reply = [2, 0, 0, 0, id.0 as u8, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0].to_vec();
/// reply.extend(b"demo");
/// let mut rest = &reply[..];
/// while !rest.is_empty() {
///     rest = &rest[connection.feed(rest)?..];
///     if let Some(Incoming::Reply(reply)) = connection.poll()? {
///         assert_eq!((reply.request, reply.result), (id, Ok(b"demo".to_vec())));
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Connection {
    last_id: u32,
    /// Messages to send.
    output: VecDeque<Vec<u8>>,
    /// How much of the first is sent.
    sent: usize,
    receiver: Receiver,
    /// The types of requests without a reply.
    open: BTreeMap<u32, xsd_sockmsg_type>,
}

/// The number of a request on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u32);

/// What xenstored sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// The answer to a request.
    Reply(Reply),
    /// A watched node changed.
    Event(Event),
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The request.
    pub request: RequestId,
    /// The payload, or why xenstored refused.
    pub result: Result<Vec<u8>, ErrorName>,
}

/// A change of something that is watched. An event may come without a change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    path: String,
    /// The watch's token.
    pub token: Vec<u8>,
}

/// xenstored broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A message is too long. The connection is of no more use.
    PayloadTooLong(PayloadTooLong),
    /// An event or error is malformed. It was dropped.
    Malformed(MalformedReply),
    /// A reply to no request, or to one that has a reply already. It was dropped.
    NoSuchRequest {
        /// The request that it names.
        request_id: u32,
    },
    /// A reply has the type of another request. It was dropped, and the request gets no other.
    WrongType {
        /// The request.
        request: RequestId,
        /// Its type.
        expected: xsd_sockmsg_type,
        /// The reply's type.
        found: xsd_sockmsg_type,
    },
}

impl Connection {
    /// A connection on which nothing was sent or received.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            last_id: 0,
            output: VecDeque::new(),
            sent: 0,
            receiver: Receiver::new(),
            open: BTreeMap::new(),
        }
    }

    /// Queues a request. `transaction` is the id of a transaction, or 0.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if it is no valid message; then nothing is queued.
    pub fn submit(
        &mut self,
        transaction: u32,
        request: &Request<'_>,
    ) -> Result<RequestId, EncodeError> {
        let mut id = self.last_id.wrapping_add(1);
        while self.open.contains_key(&id) {
            id = id.wrapping_add(1);
        }
        let mut buffer = [0; MESSAGE_MAX];
        let message = request.encode(id, transaction, &mut buffer)?;
        self.output.push_back(message.to_vec());
        self.open.insert(id, request.message_type());
        self.last_id = id;
        Ok(RequestId(id))
    }

    /// What is to be sent next: at most one message. Empty if all is sent.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.output.front().and_then(|message| message.get(self.sent..)).unwrap_or_default()
    }

    /// Announces that `count` bytes of [`output`](Self::output) were sent.
    pub fn sent(&mut self, count: usize) {
        self.sent += count.min(self.output().len());
        if self.output().is_empty() {
            self.output.pop_front();
            self.sent = 0;
        }
    }

    /// Where the next bytes that are received belong. Empty when a message is complete: then
    /// [`poll`](Self::poll) first.
    pub fn space(&mut self) -> &mut [u8] {
        self.receiver.space()
    }

    /// Announces that `count` bytes were received to [`space`](Self::space).
    ///
    /// # Errors
    ///
    /// [`PayloadTooLong`], after which the connection is of no more use.
    pub fn received(&mut self, count: usize) -> Result<(), PayloadTooLong> {
        self.receiver.received(count)
    }

    /// Copies received bytes in, up to the end of a message. Returns how many were used: none while a
    /// message is complete, so [`poll`](Self::poll) after each call.
    ///
    /// # Errors
    ///
    /// As [`received`](Self::received).
    pub fn feed(&mut self, bytes: &[u8]) -> Result<usize, PayloadTooLong> {
        self.receiver.feed(bytes)
    }

    /// The message that is complete, if one is.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] if it breaks the protocol; it is dropped, and the next can be received.
    pub fn poll(&mut self) -> Result<Option<Incoming>, ProtocolError> {
        let Some(message) = self.receiver.message() else { return Ok(None) };
        let (header, payload) = (message.header, message.payload);
        let incoming = if header.type_ == XS_WATCH_EVENT {
            WatchEvent::decode(payload)
                .map(|event| Incoming::Event(Event::from(event)))
                .map_err(ProtocolError::Malformed)
        } else {
            let request = RequestId(header.req_id);
            match self.open.remove(&header.req_id) {
                None => Err(ProtocolError::NoSuchRequest { request_id: header.req_id }),
                Some(_) if header.type_ == XS_ERROR => {
                    let name = payload.strip_suffix(&[0]).unwrap_or(payload);
                    let expected = MalformedReply { expected: "the name of an error" };
                    ErrorName::from_name(name)
                        .map(|error| Incoming::Reply(Reply { request, result: Err(error) }))
                        .ok_or(ProtocolError::Malformed(expected))
                }
                Some(expected) if header.type_ == expected => {
                    Ok(Incoming::Reply(Reply { request, result: Ok(payload.to_vec()) }))
                }
                Some(expected) => {
                    Err(ProtocolError::WrongType { request, expected, found: header.type_ })
                }
            }
        };
        self.receiver.next();
        incoming.map(Some)
    }

    /// Requests without a reply.
    #[must_use]
    pub fn open_requests(&self) -> usize {
        self.open.len()
    }
}

impl Event {
    /// The node that changed; relative if the watch's path is. May be the watch's own node when something
    /// above it was removed.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl From<WatchEvent<'_>> for Event {
    fn from(event: WatchEvent<'_>) -> Self {
        Self { path: String::from(event.path.as_str()), token: event.token.to_vec() }
    }
}

impl Event {
    /// Whether a watch of `path` with `token` has this event.
    pub(super) fn belongs_to(&self, path: Path<'_>, token: &[u8]) -> bool {
        self.token == token && Path::new(&self.path).is_ok_and(|own| own.is_below(path))
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PayloadTooLong(error) => error.fmt(f),
            Self::Malformed(error) => error.fmt(f),
            Self::NoSuchRequest { request_id } => {
                write!(f, "xenstored replied to a request {request_id} that is not open")
            }
            Self::WrongType { request, expected, found } => {
                let expected = type_name(*expected).unwrap_or("?");
                write!(
                    f,
                    "xenstored replied to request {}, a {expected}, by a message of type {}",
                    request.0, found.0
                )
            }
        }
    }
}

impl core::error::Error for ProtocolError {}

impl From<PayloadTooLong> for ProtocolError {
    fn from(error: PayloadTooLong) -> Self {
        Self::PayloadTooLong(error)
    }
}
