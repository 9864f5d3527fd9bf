//! What is wrong with a peer's packets, and with ours.

use core::fmt;

use xen_abi::grant_table::grant_ref_t;
use xen_ops::Failed;

use super::MAX_FRAGMENTS;
use super::info::MAX_EXTRAS;
use crate::error::BadIndex;

/// The peer is broken or hostile: close the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// Its index is not possible.
    Index(BadIndex),
    /// A packet has more than 18 fragments.
    Fragments {
        /// The ring.
        ring: &'static str,
    },
    /// A packet has more than 4 slots with extra information.
    Extras {
        /// The ring.
        ring: &'static str,
    },
    /// A packet's last slots are missing: its slots are not shown all at once.
    Incomplete {
        /// The ring.
        ring: &'static str,
        /// How many slots are there.
        slots: usize,
    },
    /// A slot with extra information is of a kind that does not exist, or a second of its kind.
    Extra {
        /// The ring.
        ring: &'static str,
        /// The kind, `XEN_NETIF_EXTRA_TYPE_*`.
        kind: u8,
    },
    /// A packet cannot be segmented so.
    Gso {
        /// The ring.
        ring: &'static str,
        /// The protocol, `XEN_NETIF_GSO_TYPE_*`.
        kind: u8,
        /// The size of a segment.
        size: u16,
    },
    /// A fragment is not inside a page.
    Fragment {
        /// The ring.
        ring: &'static str,
        /// Its first byte.
        offset: u16,
        /// How many bytes it has.
        size: u16,
    },
    /// A response to a slot that is not on its way, or not the next.
    Id {
        /// The ring.
        ring: &'static str,
        /// The slot's id.
        id: u16,
    },
    /// A response without a packet, where no slot with extra information is on its way.
    Null {
        /// The ring.
        ring: &'static str,
    },
}

impl From<BadIndex> for ProtocolError {
    fn from(error: BadIndex) -> Self {
        Self::Index(error)
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(error) => return error.fmt(f),
            Self::Fragments { ring } => {
                write!(f, "{ring}: a packet with more than {MAX_FRAGMENTS} fragments")
            }
            Self::Extras { ring } => {
                write!(f, "{ring}: a packet with more than {MAX_EXTRAS} slots of extra information")
            }
            Self::Incomplete { ring, slots } => {
                write!(f, "{ring}: a packet of which only {slots} slots are there")
            }
            Self::Extra { ring, kind } => {
                write!(
                    f,
                    "{ring}: extra information of type {kind}, unknown or for the second time"
                )
            }
            Self::Gso { ring, kind, size } => {
                write!(f, "{ring}: a packet to be segmented by type {kind} with size {size}")
            }
            Self::Fragment { ring, offset, size } => {
                write!(f, "{ring}: a fragment of {size} bytes at offset {offset} of a page")
            }
            Self::Id { ring, id } => {
                write!(f, "{ring}: a response to slot {id}, which is not expected")
            }
            Self::Null { ring } => {
                write!(f, "{ring}: a response to extra information that was not sent")
            }
        }?;
        f.write_str(": close the device")
    }
}

impl core::error::Error for ProtocolError {}

/// Why a packet of the front end's is dropped. The front end was told; the device goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPacket {
    /// It is shorter than an Ethernet header: so many bytes.
    TooShort(u16),
    /// It is longer than the buffer: so many bytes.
    TooLong(u16),
    /// Its fragments are larger than the packet.
    Size {
        /// Bytes in the packet.
        packet: u16,
        /// Bytes in its fragments after the first.
        fragments: u32,
    },
    /// The page with this grant cannot be read.
    Grant(grant_ref_t),
}

impl fmt::Display for BadPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("netif tx: dropped ")?;
        match self {
            Self::TooShort(size) => write!(f, "a packet of {size} bytes, less than a header has"),
            Self::TooLong(size) => write!(f, "a packet of {size} bytes, more than the buffer has"),
            Self::Size { packet, fragments } => {
                write!(f, "a packet of {packet} bytes with {fragments} in its further fragments")
            }
            Self::Grant(grant) => {
                write!(f, "a packet whose grant {} does not allow to read it", grant.0)
            }
        }
    }
}

impl core::error::Error for BadPacket {}

/// Why a packet cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The ring has no place for it: complete other packets first.
    Full,
    /// So many fragments: none, or more than 18.
    Fragments(usize),
    /// So many bytes: more than 65535.
    TooLong(usize),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the ring has no place for the packet: complete one first"),
            Self::Fragments(count) => {
                write!(f, "a packet with {count} fragments: pass 1 to {MAX_FRAGMENTS}")
            }
            Self::TooLong(size) => write!(f, "a packet of {size} bytes: pass at most 65535"),
        }
    }
}

impl core::error::Error for SendError {}

impl<T> From<Failed<Self, T>> for SendError {
    fn from(failed: Failed<Self, T>) -> Self {
        failed.error
    }
}
