//! Why a copy was refused, or failed.

use core::fmt;

use crate::hypercall::Error;
use crate::view::OutOfBounds;

/// A copy that was refused before any hypercall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Invalid {
    /// A range of a segment leaves its page.
    OutOfBounds(OutOfBounds),
    /// A buffer ends before the range to be copied does.
    TooShort {
        /// Pages in the buffer.
        pages: usize,
        /// First byte of the range, from the start of the buffer.
        offset: usize,
        /// Bytes in the range.
        length: usize,
    },
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfBounds(range) => range.fmt(f),
            Self::TooShort { pages, offset, length } => {
                write!(f, "{length} bytes at offset {offset}: more than {pages} pages hold")
            }
        }
    }
}

impl core::error::Error for Invalid {}

/// A copy of several pages that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CopyError {
    /// Refused before any hypercall.
    Invalid(Invalid),
    /// Xen did not copy all of it.
    Xen {
        /// Bytes from the start that were copied. Some of those after may have been too.
        copied: usize,
        /// Why the next segment was not copied.
        error: Error,
    },
}

impl From<Invalid> for CopyError {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl fmt::Display for CopyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::Xen { copied, error } => write!(f, "after {copied} bytes: {error}"),
        }
    }
}

impl core::error::Error for CopyError {}
