//! What the peer may do wrong, and what a ring cannot be made of.

use core::fmt;

use xen_ops::Failed;

use crate::indices::Lie;

/// The peer has written an index that it cannot have: more entries than the ring holds, an answer to a
/// request that was not made, or an index that moved backwards.
///
/// The peer is broken or hostile. Nothing was taken from the ring. Close the device: what the peer does
/// afterwards cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadIndex {
    /// The ring.
    pub ring: &'static str,
    /// The index, by its name in C.
    pub index: &'static str,
    /// Its value.
    pub value: u32,
    /// The lowest value that it may have.
    pub first: u32,
    /// The highest, which is a lower number if the indices wrap around.
    pub last: u32,
}

impl BadIndex {
    #[cold]
    pub(crate) fn new(ring: &'static str, index: &'static str, lie: Lie) -> Self {
        let Lie { value, from, allowed } = lie;
        Self { ring, index, value, first: from, last: from.wrapping_add(allowed) }
    }
}

impl fmt::Display for BadIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ring, index, value, first, last } = self;
        write!(
            f,
            "{ring}: the peer's {index} is {value}, not from {first} to {last}: close the device"
        )
    }
}

impl core::error::Error for BadIndex {}

/// Why a ring cannot be made of these pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachError {
    /// The pages are too few, or more than 32-bit indices can count.
    Pages {
        /// The ring.
        ring: &'static str,
        /// How many pages were given.
        pages: usize,
    },
    /// The indices in the pages are not those of such a ring.
    Index(BadIndex),
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pages { ring, pages } => {
                write!(f, "{ring}: the ring does not fit {pages} pages: pass as many as it has")
            }
            Self::Index(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for AttachError {}

impl From<BadIndex> for AttachError {
    fn from(error: BadIndex) -> Self {
        Self::Index(error)
    }
}

impl<T> From<Failed<Self, T>> for AttachError {
    fn from(failed: Failed<Self, T>) -> Self {
        failed.error
    }
}
