//! What is wrong with requests and responses.

use core::fmt;

use xen_ops::Failed;

use crate::error::BadIndex;

/// Why a request of the peer's is not possible. It is answered with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadRequest {
    /// There is no such operation, or it is not supported.
    Operation(u8),
    /// So many segments: none, or more than 11, or than 256 of an indirect request.
    Segments(usize),
    /// This segment is not inside a page.
    Segment {
        /// Its first sector.
        first: u8,
        /// Its last sector.
        last: u8,
    },
    /// These sectors are not on the device.
    Sectors {
        /// The first.
        sector: u64,
        /// How many.
        sectors: u64,
    },
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation(operation) => {
                write!(f, "blkif: operation {operation} is not supported")
            }
            Self::Segments(count) => {
                write!(f, "blkif: a request with {count} segments, none or too many")
            }
            Self::Segment { first, last } => {
                write!(f, "blkif: a segment from sector {first} to {last} of a page, not in 0 to 7")
            }
            Self::Sectors { sector, sectors } => {
                write!(f, "blkif: {sectors} sectors from {sector} on are not on the device")
            }
        }
    }
}

impl core::error::Error for BadRequest {}

/// The back end is broken or hostile: close the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadResponse {
    /// Its index is not possible.
    Index(BadIndex),
    /// No request with this id is on its way.
    Id(u64),
    /// The request with this id has another operation than the response.
    Operation {
        /// The id.
        id: u64,
        /// The response's operation.
        operation: u8,
    },
}

impl From<BadIndex> for BadResponse {
    fn from(error: BadIndex) -> Self {
        Self::Index(error)
    }
}

impl fmt::Display for BadResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(error) => error.fmt(f),
            Self::Id(id) => {
                write!(
                    f,
                    "blkif: a response to request {id:#x}, which is not on its way: close the device"
                )
            }
            Self::Operation { id, operation } => write!(
                f,
                "blkif: the response to request {id:#x} has operation {operation}, which is not its own: \
                 close the device"
            ),
        }
    }
}

impl core::error::Error for BadResponse {}

/// Why a request cannot be submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitError {
    /// As many requests are on their way as can be: take completions first.
    Full,
    /// So many segments: none, or more than 11.
    Segments(usize),
    /// So many segments in a page of their own: none, or more than 512.
    Indirect(usize),
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => {
                f.write_str("as many requests are on their way as can be: complete one first")
            }
            Self::Segments(count) => write!(f, "a request with {count} segments: pass 1 to 11"),
            Self::Indirect(count) => {
                write!(f, "an indirect request with {count} segments: pass 1 to 512")
            }
        }
    }
}

impl core::error::Error for SubmitError {}

impl<T> From<Failed<Self, T>> for SubmitError {
    fn from(failed: Failed<Self, T>) -> Self {
        failed.error
    }
}
