//! Why an operation on a device did not succeed.

use alloc::string::String;
use core::fmt;

use crate::xenstore;

/// Why an operation on a device did not succeed. `E` is the transport's error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// xenstore.
    Store(xenstore::Error<E>),
    /// The device has been removed, perhaps without being closed first. Release its resources, and write
    /// nothing more.
    Gone {
        /// The directory that there was.
        directory: String,
    },
    /// A node that this device needs is not there, or may not be read.
    Missing {
        /// The node.
        path: String,
    },
    /// A node has a value that it cannot have.
    BadValue {
        /// The node.
        path: String,
        /// Its value. Bytes that are not UTF-8 are replaced.
        value: String,
    },
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Gone { directory } => write!(f, "{directory}: the device has been removed"),
            Self::Missing { path } => write!(f, "{path} does not exist, or may not be read"),
            Self::BadValue { path, value } => write!(f, "{path} has the value {value:?}"),
        }
    }
}

impl<E: core::error::Error> core::error::Error for Error<E> {}

impl<E> From<xenstore::Error<E>> for Error<E> {
    fn from(error: xenstore::Error<E>) -> Self {
        Self::Store(error)
    }
}
