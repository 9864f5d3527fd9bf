//! Where the entries are.

#![allow(unsafe_code, reason = "memory that is shared with Xen")]

use core::ptr::NonNull;

use super::entry::{Body, EntryV1, EntryV2, Header, Status, StillInUse, Transfer};
use crate::gnttab::references::Proven;
use crate::page::PAGE_SIZE;

/// Which format the table's entries have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 8 bytes, of which 32 bits are the frame number. On every architecture.
    V1,
    /// 16 bytes and a status word of 2: with wide frame numbers, sub-page grants and
    /// transitive grants. Not on Arm.
    V2,
}

impl Version {
    /// Its number.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    /// Entries in a frame: 512 or 256.
    #[must_use]
    pub const fn entries_per_frame(self) -> u32 {
        let size = match self {
            Self::V1 => size_of::<EntryV1>(),
            Self::V2 => size_of::<EntryV2>(),
        };
        (PAGE_SIZE / size) as u32
    }
}

/// An entry, whatever its version.
#[derive(Clone, Copy)]
pub(crate) enum Entry<'t> {
    V1(&'t EntryV1),
    V2(&'t EntryV2, &'t Status),
}

/// The entries of the frames that are attached.
#[derive(Clone, Copy)]
pub(crate) struct Entries {
    version: Version,
    shared: NonNull<u8>,
    status: NonNull<u8>,
}

// SAFETY: the frames are reachable from every CPU, and entries are atomic.
unsafe impl Send for Entries {}
// SAFETY: as above.
unsafe impl Sync for Entries {}

impl Entries {
    /// # Safety
    ///
    /// Both are aligned to pages. Where `version` is 1, `status` is not used.
    pub(crate) const unsafe fn new(
        version: Version,
        shared: NonNull<u8>,
        status: NonNull<u8>,
    ) -> Self {
        Self { version, shared, status }
    }

    #[inline]
    pub(crate) const fn version(&self) -> Version {
        self.version
    }

    /// # Safety
    ///
    /// The reference is one of a frame that is attached, and its status word too. The frames stay
    /// reachable for `'t`.
    #[inline]
    pub(crate) unsafe fn get<'t>(&self, reference: u32) -> Entry<'t> {
        let at = reference as usize;
        // SAFETY: inside the attached frames, whose entries are accessed atomically.
        unsafe {
            match self.version {
                Version::V1 => Entry::V1(self.shared.cast::<EntryV1>().add(at).as_ref()),
                Version::V2 => Entry::V2(
                    self.shared.cast::<EntryV2>().add(at).as_ref(),
                    self.status.cast::<Status>().add(at).as_ref(),
                ),
            }
        }
    }
}

impl Entry<'_> {
    #[inline]
    pub(crate) fn publish(self, header: Header, body: Body) {
        match self {
            Self::V1(entry) => entry.publish::<Proven>(header, body),
            Self::V2(entry, _) => entry.publish::<Proven>(header, body),
        }
    }

    #[inline]
    pub(crate) fn end(self) -> Result<(), StillInUse> {
        match self {
            Self::V1(entry) => entry.end::<Proven>(),
            Self::V2(entry, status) => entry.end::<Proven>(status),
        }
    }

    /// As `end`, for an entry under which `header` was published.
    #[inline]
    pub(crate) fn end_published(self, header: Header) -> Result<(), StillInUse> {
        match self {
            Self::V1(entry) => entry.end_published::<Proven>(header),
            Self::V2(entry, status) => entry.end::<Proven>(status),
        }
    }

    pub(crate) fn forbid_writing(self) -> Result<(), StillInUse> {
        match self {
            Self::V1(entry) => entry.forbid_writing::<Proven>(),
            Self::V2(entry, status) => entry.forbid_writing::<Proven>(status),
        }
    }

    pub(crate) fn allow_writing(self) {
        match self {
            Self::V1(entry) => entry.allow_writing::<Proven>(),
            Self::V2(entry, _) => entry.allow_writing::<Proven>(),
        }
    }

    pub(crate) fn transfer(self) -> Transfer {
        match self {
            Self::V1(entry) => entry.transfer::<Proven>(),
            Self::V2(entry, _) => entry.transfer::<Proven>(),
        }
    }

    pub(crate) fn end_transfer(self) -> Result<(), StillInUse> {
        match self {
            Self::V1(entry) => entry.end_transfer(),
            Self::V2(entry, _) => entry.end_transfer(),
        }
    }

    pub(crate) fn clear(self) {
        match self {
            Self::V1(entry) => entry.clear(),
            Self::V2(entry, _) => entry.clear(),
        }
    }

    /// Whether nothing is granted, and what was is not in use.
    pub(crate) fn is_empty(self) -> bool {
        match self {
            Self::V1(entry) => entry.read().0.flags().is_empty(),
            Self::V2(entry, status) => entry.read().0.flags().is_empty() && status.is_unused(),
        }
    }

    pub(crate) fn read(self) -> (Header, u64) {
        match self {
            Self::V1(entry) => entry.read(),
            Self::V2(entry, _) => entry.read(),
        }
    }
}
