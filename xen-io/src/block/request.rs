//! Requests, decoded and checked.

use xen_abi::grant_table::grant_ref_t;
use xen_abi::io::blkif::{
    BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST, BLKIF_MAX_SEGMENTS_PER_REQUEST, blkif_request_segment,
};

use super::{SECTOR_SIZE, SECTORS_PER_PAGE};

/// The largest number of segments of a request.
const MAX_SEGMENTS: usize = BLKIF_MAX_SEGMENTS_PER_REQUEST as usize;

/// The largest number of pages with segments that a request names.
pub(super) const MAX_INDIRECT_PAGES: usize = BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST as usize;

/// Bytes of a segment in a page of segments.
pub(super) const SEGMENT_SIZE: usize = size_of::<blkif_request_segment>();

/// Which way data go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the device to granted pages.
    Read,
    /// From granted pages to the device.
    Write,
}

/// A run of sectors in a granted page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    grant: grant_ref_t,
    first: u8,
    last: u8,
}

impl Segment {
    /// The sectors from `first` to `last`, itself included, of the page with this grant. `None` if they
    /// are not inside a page: 0 to 7.
    #[must_use]
    pub const fn new(grant: grant_ref_t, first: u8, last: u8) -> Option<Self> {
        if first > last || last >= SECTORS_PER_PAGE {
            return None;
        }
        Some(Self { grant, first, last })
    }

    /// All eight sectors of the page with this grant.
    #[must_use]
    pub const fn page(grant: grant_ref_t) -> Self {
        Self { grant, first: 0, last: SECTORS_PER_PAGE - 1 }
    }

    /// The segment in a page of segments.
    pub(super) fn from_entry(entry: &blkif_request_segment) -> Option<Self> {
        Self::new(entry.gref, entry.first_sect, entry.last_sect)
    }

    pub(super) const fn entry(&self) -> blkif_request_segment {
        let (gref, first_sect, last_sect) = (self.grant, self.first, self.last);
        blkif_request_segment { gref, first_sect, last_sect, _padding0: [0; 2] }
    }

    /// The page's grant.
    #[must_use]
    pub const fn grant(&self) -> grant_ref_t {
        self.grant
    }

    /// The first sector.
    #[must_use]
    pub const fn first(&self) -> u8 {
        self.first
    }

    /// The last sector.
    #[must_use]
    pub const fn last(&self) -> u8 {
        self.last
    }

    /// How many sectors it has: 1 to 8.
    #[must_use]
    pub const fn sectors(&self) -> u8 {
        self.last - self.first + 1
    }

    /// Where it begins in its page, in bytes.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.first as usize * SECTOR_SIZE
    }

    /// How many bytes it has.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.sectors() as usize * SECTOR_SIZE
    }
}

/// The segments of a request: at most 11.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Segments {
    segments: [Segment; MAX_SEGMENTS],
    count: usize,
}

impl Segments {
    /// No segment.
    #[must_use]
    pub const fn new() -> Self {
        Self { segments: [Segment::page(grant_ref_t(0)); MAX_SEGMENTS], count: 0 }
    }

    /// These segments. `None` if they are more than 11.
    #[must_use]
    pub fn from_slice(all: &[Segment]) -> Option<Self> {
        let mut segments = Self::new();
        all.iter().all(|segment| segments.push(*segment)).then_some(segments)
    }

    /// Adds a segment. False if there are 11 already.
    #[must_use]
    pub fn push(&mut self, segment: Segment) -> bool {
        let Some(place) = self.segments.get_mut(self.count) else { return false };
        *place = segment;
        self.count += 1;
        true
    }

    /// The segments.
    #[must_use]
    pub fn as_slice(&self) -> &[Segment] {
        self.segments.get(..self.count).unwrap_or_default()
    }

    /// How many sectors they have together.
    #[must_use]
    pub fn sectors(&self) -> u64 {
        self.as_slice().iter().map(|segment| u64::from(segment.sectors())).sum()
    }
}

impl Default for Segments {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for Segments {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

/// What a front end asks for. [`Abi::decode`](super::Abi::decode) makes it of a ring's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Read or write sectors.
    Transfer {
        /// Which way.
        direction: Direction,
        /// Whether it is a write that divides those before from those after.
        barrier: bool,
        /// The first sector on the device.
        sector: u64,
        /// Where the data are.
        segments: Segments,
    },
    /// Read or write sectors, with the segments in pages of their own.
    Indirect {
        /// Which way.
        direction: Direction,
        /// The first sector on the device.
        sector: u64,
        /// How many segments there are.
        segments: u16,
        /// The grants of the pages with the segments, 512 in each.
        pages: [grant_ref_t; MAX_INDIRECT_PAGES],
    },
    /// Write what the device has cached to its medium.
    Flush,
    /// The contents of these sectors are not needed any more.
    Discard {
        /// The first sector.
        sector: u64,
        /// How many.
        sectors: u64,
        /// Whether they must not be recoverable.
        secure: bool,
    },
}
