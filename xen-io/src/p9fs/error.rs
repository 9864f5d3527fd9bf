//! Why a request for a file did not succeed.

use core::fmt;

use xen_ops::Failed;

use crate::stream::StreamError;

/// Why a request did not succeed. `E` is the event channel's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// The stream failed. The client is of no more use.
    Stream(StreamError<E>),
    /// The server's reply is wrong. The client is of no more use: close the device.
    Reply(BadReply),
    /// The client has failed before. Close the device.
    Broken,
    /// The server does not speak `9P2000.u`.
    Version,
    /// The server refused the request, with this error number of Linux's.
    Server {
        /// The number, such as 2 for ENOENT.
        errno: u32,
    },
    /// The server found only some of the names; the one after them does not exist.
    NotFound {
        /// How many it found.
        found: usize,
    },
    /// The names do not fit a message, or are more than 16, or the buffer is smaller than 512 bytes.
    TooLong,
    /// Every number of a file was used: make a new client.
    Exhausted,
}

/// What is wrong with a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadReply {
    /// Its length is shorter than a header, or above the largest that was agreed.
    Length(u32),
    /// It has the tag of another request.
    Tag(u16),
    /// It is of another type than the request's reply.
    Type {
        /// The request's type.
        request: u8,
        /// The reply's.
        reply: u8,
    },
    /// It ends inside a field, or goes on after the last one.
    Contents {
        /// Its type.
        reply: u8,
    },
    /// It says more than was asked for: bytes, or names.
    Count {
        /// What it says.
        count: u32,
        /// The largest possible.
        max: u32,
    },
    /// The largest message is larger than was asked for, or too small to work with.
    MessageSize(u32),
}

impl fmt::Display for BadReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => write!(f, "9pfs: a reply of {length} bytes"),
            Self::Tag(tag) => write!(f, "9pfs: a reply to the request {tag}, which was not made"),
            Self::Type { request, reply } => {
                write!(f, "9pfs: a reply of type {reply} to a request of type {request}")
            }
            Self::Contents { reply } => {
                write!(f, "9pfs: the fields of a reply of type {reply} do not fit its length")
            }
            Self::Count { count, max } => {
                write!(f, "9pfs: the reply counts {count}, of {max} that were asked for")
            }
            Self::MessageSize(size) => write!(f, "9pfs: messages of {size} bytes were not offered"),
        }
    }
}

impl core::error::Error for BadReply {}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream(error) => error.fmt(f),
            Self::Reply(error) => write!(f, "{error}: close the device"),
            Self::Broken => f.write_str("9pfs: the connection has failed before: close the device"),
            Self::Version => f.write_str("9pfs: the server does not speak 9P2000.u"),
            Self::Server { errno } => write!(f, "9pfs: the server refused: error number {errno}"),
            Self::NotFound { found } => write!(f, "9pfs: no file of that name after {found} names"),
            Self::TooLong => {
                f.write_str("9pfs: the request does not fit the buffer: pass a larger one")
            }
            Self::Exhausted => {
                f.write_str("9pfs: every file number was used: make a new connection")
            }
        }
    }
}

impl<E: core::error::Error> core::error::Error for Error<E> {}

impl<E> From<StreamError<E>> for Error<E> {
    fn from(error: StreamError<E>) -> Self {
        Self::Stream(error)
    }
}

impl<E, T> From<Failed<Self, T>> for Error<E> {
    fn from(failed: Failed<Self, T>) -> Self {
        failed.error
    }
}
