//! Why a reference could not be allocated, or a page not granted.

use core::fmt;

use xen_abi::xen::xen_pfn_t;

use crate::Failed;
use crate::page::Exhausted;
use crate::view::OutOfBounds;

use crate::hypercall::Error;

/// Why a reference could not be allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllocError {
    /// Not enough references are free, and the table has grown to its limit, in frames. Revoke
    /// grants, [reap](crate::gnttab::GrantTable::reap) dropped ones, or wait with a
    /// [`Waiter`](crate::gnttab::Waiter).
    Exhausted {
        /// The limit.
        frames: u32,
    },
    /// Not enough references are free, and another CPU is adding frames to the table. Try again.
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
                 revoke grants, reap dropped ones, or wait"
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

/// Why a page could not be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GrantError {
    /// No reference could be allocated.
    Alloc(AllocError),
    /// The page is not of the domain whose table this is.
    OtherDomain,
    /// The frame number does not fit the 32 bits it has in version 1.
    FrameTooBig(xen_pfn_t),
    /// Only a table of version 2 has such grants.
    NeedsVersion2,
    /// The range is empty, or not inside the page.
    OutOfBounds(OutOfBounds),
    /// The allocator has no page to grant.
    NoPage(Exhausted),
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
            Self::OtherDomain => f.write_str(
                "the page belongs to another domain than the table: its frame number is another page's here",
            ),
            Self::NeedsVersion2 => f.write_str(
                "only a table of version 2 has such grants, and this one is of version 1",
            ),
            Self::OutOfBounds(OutOfBounds { length: 0, .. }) => {
                f.write_str("a grant of 0 bytes: grant at least one")
            }
            Self::OutOfBounds(error) => error.fmt(f),
            Self::NoPage(error) => write!(f, "there is no page to grant: {error}"),
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

impl<T> From<Failed<Self, T>> for GrantError {
    fn from(failed: Failed<Self, T>) -> Self {
        failed.error
    }
}
