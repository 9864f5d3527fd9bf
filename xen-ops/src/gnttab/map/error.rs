//! Why mapping or unmapping failed.

use core::fmt;

use crate::Failed;
use crate::gnttab::batch::TooLarge;
use crate::hypercall::Error;

/// Why a grant could not be mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MapError {
    /// Xen did not map it; the [module](super) lists the statuses. `GNTST_general_error` mostly means that
    /// the peer has granted nothing under this reference, or has revoked the grant: say which
    /// [`RemoteGrant`](crate::RemoteGrant) it was.
    Xen(Error),
    /// The target's host address is 0, which an unmap would ignore, or not the start of a page. No
    /// hypercall was made.
    HostAddress(u64),
    /// The target is not of the domain that maps. No hypercall was made.
    OtherDomain,
    /// Mapped for devices at device address 0, which an unmap would ignore. The mapping and the target
    /// are leaked.
    DeviceAddress,
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xen(error) => error.fmt(f),
            Self::HostAddress(addr) => {
                write!(
                    f,
                    "{addr:#x} is not an address for a mapping: it is 0 or not the start of a page"
                )
            }
            Self::OtherDomain => f.write_str(
                "the target belongs to another domain than the one that maps: there is another place at its \
                 address",
            ),
            Self::DeviceAddress => f.write_str("mapped for devices at address 0"),
        }
    }
}

impl core::error::Error for MapError {}

impl<T> From<Failed<Self, T>> for MapError {
    fn from(failed: Failed<Self, T>) -> Self {
        failed.error
    }
}

/// Why a batch failed as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchError {
    /// Refused before any hypercall: too many slots.
    TooLarge(TooLarge),
    /// Refused before any hypercall: the slot with this index is not a request.
    NoRequest(usize),
    /// Slots failed. Of a [`map_all`](super::map_all) no grant is mapped then, except for what could
    /// not be unmapped again; of an [`unmap_each`](super::unmap_each) the other slots are unmapped.
    Slot {
        /// Index of the first slot that failed.
        index: usize,
        /// Why it failed.
        error: MapError,
        /// How many slots are left [`Stuck`](super::Slot::Stuck), or without their target.
        stuck: usize,
    },
}

impl From<TooLarge> for BatchError {
    fn from(error: TooLarge) -> Self {
        Self::TooLarge(error)
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(error) => error.fmt(f),
            Self::NoRequest(index) => write!(f, "slot {index} is not a request"),
            Self::Slot { index, error, stuck: 0 } => write!(f, "slot {index}: {error}"),
            Self::Slot { index, error, stuck } => {
                write!(
                    f,
                    "slot {index}: {error}; slots in which something is still mapped: {stuck}"
                )
            }
        }
    }
}

impl core::error::Error for BatchError {}
