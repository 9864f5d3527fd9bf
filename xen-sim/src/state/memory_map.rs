//! The memory map that Xen reports to a domain.

use crate::config::GuestKind;

/// First guest frame number of a translated domain's memory.
pub(crate) const FIRST_GFN: u64 = 0x100;

/// Bytes of an E820 entry: start and size in bytes, type.
pub(crate) type E820Entry = [u8; 20];

/// Type of usable memory.
const RAM: u32 = 1;

/// The memory map of a domain; empty for PV guests until the toolstack sets it.
#[derive(Debug, Default)]
pub(crate) struct MemoryMap(pub(crate) Vec<E820Entry>);

impl MemoryMap {
    /// The map of a domain with memory up to the guest frame `last`.
    pub(crate) fn new(kind: GuestKind, last: Option<u64>) -> Self {
        match last {
            Some(last) if kind == GuestKind::Pvh => {
                Self(vec![ram(FIRST_GFN << 12, (last + 1 - FIRST_GFN) << 12)])
            }
            _ => Self::default(),
        }
    }
}

/// An entry of usable memory; start and size in bytes.
pub(crate) fn ram(start: u64, size: u64) -> E820Entry {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&start.to_ne_bytes());
    bytes[8..16].copy_from_slice(&size.to_ne_bytes());
    bytes[16..].copy_from_slice(&RAM.to_ne_bytes());
    bytes
}
