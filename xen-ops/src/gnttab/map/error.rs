//! Why mapping or unmapping failed.

use core::fmt;

use crate::gnttab::batch::TooLarge;
use crate::hypercall::Error;

/// Why a grant is not mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Xen did not map it; the module lists the statuses.
    Xen(Error),
    /// The target's host address is 0, which an unmap would pass over in silence, or not the start of
    /// a page. Nothing was asked of Xen.
    HostAddress(u64),
    /// Mapped for devices at device address 0, which an unmap would pass over in silence.
    DeviceAddress,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xen(error) => error.fmt(f),
            Self::HostAddress(addr) => {
                write!(f, "{addr:#x} is no address for a mapping: 0 or not the start of a page")
            }
            Self::DeviceAddress => f.write_str("mapped for devices at address 0"),
        }
    }
}

impl core::error::Error for Reason {}

/// A grant that is not mapped.
pub struct MapError<T> {
    /// Why.
    pub reason: Reason,
    /// The target, unless something may be mapped there: then it is leaked.
    pub target: Option<T>,
}

/// An unmap that did not succeed.
pub struct UnmapError<M> {
    /// Why.
    pub error: Error,
    /// The mapping, if it is certain to be there as before: Xen has not looked at it, or refused to
    /// touch it. Otherwise its target is leaked.
    pub mapping: Option<M>,
}

// By hand: neither targets nor mappings need be printable.
impl<T> fmt::Debug for MapError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapError")
            .field("reason", &self.reason)
            .field("target", &self.target.as_ref().map(|_| ".."))
            .finish()
    }
}

impl<M> fmt::Debug for UnmapError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnmapError")
            .field("error", &self.error)
            .field("mapping", &self.mapping.as_ref().map(|_| ".."))
            .finish()
    }
}

impl<T> fmt::Display for MapError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)?;
        if self.target.is_none() {
            f.write_str("; the target is leaked since something may be mapped there")?;
        }
        Ok(())
    }
}

impl<M> fmt::Display for UnmapError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)?;
        if self.mapping.is_none() {
            f.write_str("; the target is leaked since something may be mapped there")?;
        }
        Ok(())
    }
}

impl<T> core::error::Error for MapError<T> {}
impl<M> core::error::Error for UnmapError<M> {}

/// Why a batch failed as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchError {
    /// Refused before any hypercall: too many slots.
    TooLarge(TooLarge),
    /// Refused before any hypercall: the slot with this index is no request.
    NoRequest(usize),
    /// Slots failed. Of a [`map_all`](super::map_all) no grant is mapped then, except for what could
    /// not be unmapped again; of an [`unmap_each`](super::unmap_each) the other slots are unmapped.
    Slot {
        /// Index of the first slot that failed.
        index: usize,
        /// Why it failed.
        reason: Reason,
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
            Self::NoRequest(index) => write!(f, "slot {index} is no request"),
            Self::Slot { index, reason, stuck: 0 } => write!(f, "slot {index}: {reason}"),
            Self::Slot { index, reason, stuck } => {
                write!(
                    f,
                    "slot {index}: {reason}; slots in which something is still mapped: {stuck}"
                )
            }
        }
    }
}

impl core::error::Error for BatchError {}
