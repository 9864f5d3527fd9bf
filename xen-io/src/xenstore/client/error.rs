//! Why a client's operation did not succeed.

use alloc::string::String;
use core::fmt;

use super::connection::ProtocolError;
use crate::xenstore::PathError;
use crate::xenstore::wire::{EncodeError, ErrorName, MalformedReply, PayloadTooLong};

/// Why a client's operation did not succeed. `E` is the transport's error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// xenstored refused the request.
    Refused {
        /// The request's name: `READ` for example.
        request: &'static str,
        /// What it was for: a path, or a domain's id. Empty for requests without either.
        object: String,
        /// Why.
        error: ErrorName,
    },
    /// The path is not valid. Nothing was sent.
    Path(PathError),
    /// The request is not valid. Nothing was sent.
    Encode(EncodeError),
    /// The reply is malformed, or a value is not what the caller asked for.
    Malformed(MalformedReply),
    /// xenstored broke the protocol.
    Protocol(ProtocolError),
    /// The transaction conflicted with other changes each time.
    Conflict {
        /// How often it was tried.
        attempts: u32,
    },
    /// The list of a node's children changed each time while it was read in parts.
    Changing {
        /// How often it was tried.
        attempts: u32,
    },
    /// More events came than the client stores, while none was taken. Some are lost: read again what is
    /// watched.
    EventsLost,
    /// The transport failed.
    Transport(E),
}

impl<E> Error<E> {
    /// Why xenstored refused, if it did.
    #[must_use]
    pub const fn refused(&self) -> Option<ErrorName> {
        match self {
            Self::Refused { error, .. } => Some(*error),
            _ => None,
        }
    }

    /// Whether it is `ENOENT`: there is no such node, watch or domain.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.refused() == Some(ErrorName::ENOENT)
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { request, object, error } if object.is_empty() => {
                write!(f, "{request}: {error}")
            }
            Self::Refused { request, object, error } => write!(f, "{request} {object}: {error}"),
            Self::Path(error) => error.fmt(f),
            Self::Encode(error) => error.fmt(f),
            Self::Malformed(error) => error.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::Conflict { attempts } => {
                write!(f, "a transaction conflicted with other changes {attempts} times")
            }
            Self::Changing { attempts } => {
                write!(f, "a directory changed {attempts} times while it was read")
            }
            Self::EventsLost => f.write_str(
                "watch events were lost: read again what is watched, and take events sooner",
            ),
            Self::Transport(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for Error<E> {}

impl<E> From<PathError> for Error<E> {
    fn from(error: PathError) -> Self {
        Self::Path(error)
    }
}

impl<E> From<EncodeError> for Error<E> {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl<E> From<MalformedReply> for Error<E> {
    fn from(error: MalformedReply) -> Self {
        Self::Malformed(error)
    }
}

impl<E> From<ProtocolError> for Error<E> {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl<E> From<PayloadTooLong> for Error<E> {
    fn from(error: PayloadTooLong) -> Self {
        Self::Protocol(ProtocolError::PayloadTooLong(error))
    }
}
