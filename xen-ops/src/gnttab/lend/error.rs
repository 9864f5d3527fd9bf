//! Why something could not be granted, or no reference be had.

use core::fmt;

use xen_abi::xen::xen_pfn_t;

use super::entries::Version;
use crate::hypercall::Error;

/// Why there is no reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllocError {
    /// Not enough references are free, and the table has grown to its limit, in frames. Grants must
    /// end first: a [`Waiter`](super::Waiter) tells when, and the reaper may have some to end.
    Exhausted {
        /// The limit.
        frames: u32,
    },
    /// Not enough references are free, and someone else is adding frames to the table: soon there are
    /// more.
    Growing,
    /// Not enough references are free, and Xen did not let the table grow.
    Grow(Error),
}

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted { frames } => write!(
                f,
                "no grant reference is free, and the table has all of its {frames} frames: \
                 end grants, run the reaper, or wait"
            ),
            Self::Growing => f.write_str("the grant table is growing at this moment: try again"),
            Self::Grow(error) => write!(f, "the grant table does not grow: {error}"),
        }
    }
}

impl core::error::Error for AllocError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Grow(error) => Some(error),
            _ => None,
        }
    }
}

/// Why something is not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GrantError {
    /// There is no reference.
    Alloc(AllocError),
    /// The frame number does not fit the 32 bits it has in version 1.
    FrameTooBig(xen_pfn_t),
    /// Only entries of version 2 can say this.
    NeedsVersion2,
    /// The part to be granted is empty, or not inside the page.
    OutOfPage {
        /// First byte of the part.
        offset: u16,
        /// Bytes in the part.
        length: u16,
    },
    /// There is no page to grant.
    NoPage,
}

impl fmt::Display for GrantError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alloc(error) => error.fmt(f),
            Self::FrameTooBig(frame) => write!(
                f,
                "frame {:#x} does not fit an entry of version 1: grant a lower page, or use version 2",
                frame.0
            ),
            Self::NeedsVersion2 => f.write_str(
                "only a table of version 2 can grant this, and this one is of version 1",
            ),
            Self::OutOfPage { offset, length } => {
                write!(f, "{length} bytes at offset {offset} are no part of a page of 4096")
            }
            Self::NoPage => f.write_str("there is no page to grant: the pool is empty"),
        }
    }
}

impl core::error::Error for GrantError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Alloc(error) => Some(error),
            _ => None,
        }
    }
}

impl From<AllocError> for GrantError {
    fn from(error: AllocError) -> Self {
        Self::Alloc(error)
    }
}

/// Something was not granted: here it is again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused<T> {
    /// What was given to be granted.
    pub given: T,
    /// Why it is not.
    pub why: GrantError,
}

impl<T> fmt::Display for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

impl<T: fmt::Debug> core::error::Error for Refused<T> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.why.source()
    }
}

/// Why a table cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// Xen refused the version. After a suspend: the one the table has had before.
    Version(Version, Error),
    /// Xen accepted the version, but another one is in effect.
    OtherVersion {
        /// Its number.
        in_effect: u32,
    },
    /// Version 2 needs room for status frames, and there is none.
    NoStatusRoom,
    /// The limit of the table's size is 0 frames: Xen's, the configuration's, that of the room where
    /// frames can appear, or that of the storage.
    NoRoom,
    /// Xen did not tell the table's size.
    Size(Error),
    /// The table's frames could not be made reachable.
    Attach(Error),
    /// Someone else is adding frames to the table.
    Growing,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version, error) => {
                write!(f, "no grant table of version {}: {error}", version.number())
            }
            Self::OtherVersion { in_effect } => {
                write!(f, "the grant table is of version {in_effect}, which was not asked for")
            }
            Self::NoStatusRoom => {
                f.write_str("version 2 needs room for status frames, and there is none")
            }
            Self::NoRoom => f.write_str("there is no room for a single frame of the grant table"),
            Self::Size(error) => write!(f, "the grant table's size is unknown: {error}"),
            Self::Attach(error) => write!(f, "the grant table's frames are out of reach: {error}"),
            Self::Growing => f.write_str("the grant table is growing at this moment"),
        }
    }
}

impl core::error::Error for StartError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Version(_, error) | Self::Size(error) | Self::Attach(error) => Some(error),
            _ => None,
        }
    }
}
