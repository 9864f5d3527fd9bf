//! Where a grant's entry lies in the frames of a grant table.
//!
//! Upstream: `xen/include/public/grant_table.h`, which has the entries but no macros for this. The
//! table is an array of entries over frames of 4096 bytes; version 2 has a second array, of status
//! words, over frames of their own.

use super::slot::per_frame;
use super::{FRAME_SIZE, Slot};
use crate::grant_table::{grant_entry_v1, grant_entry_v2, grant_ref_t, grant_status_t};

/// Entries in a frame of a table of version 1: 512.
pub const ENTRIES_PER_FRAME_V1: u32 = per_frame::<grant_entry_v1>();
/// Entries in a frame of a table of version 2: 256.
pub const ENTRIES_PER_FRAME_V2: u32 = per_frame::<grant_entry_v2>();
/// Status words in a status frame of a table of version 2: 2048.
pub const STATUS_PER_FRAME: u32 = per_frame::<grant_status_t>();

const _: () = assert!(
    FRAME_SIZE as usize % size_of::<grant_entry_v1>() == 0
        && FRAME_SIZE as usize % size_of::<grant_entry_v2>() == 0
        && FRAME_SIZE as usize % size_of::<grant_status_t>() == 0,
    "no entry crosses a frame"
);

/// Where the entry of `gref` lies in a table of version 1.
///
/// ```
/// # use xen_abi::grant_table::grant_ref_t;
/// # use xen_abi::macros::{Slot, grant_table::entry_v1};
/// assert_eq!(entry_v1(grant_ref_t(513)), Slot { frame: 1, index: 1 });
/// ```
#[must_use]
pub const fn entry_v1(gref: grant_ref_t) -> Slot {
    Slot::of::<grant_entry_v1>(gref.0)
}

/// Where the entry of `gref` lies in a table of version 2.
#[must_use]
pub const fn entry_v2(gref: grant_ref_t) -> Slot {
    Slot::of::<grant_entry_v2>(gref.0)
}

/// Where the status word of `gref` lies in the status frames of a table of version 2.
#[must_use]
pub const fn status(gref: grant_ref_t) -> Slot {
    Slot::of::<grant_status_t>(gref.0)
}

/// Entries a table of version 1 has with `frames` frames; `u32::MAX` if they are more than that.
#[must_use]
pub const fn entries_v1(frames: u32) -> u32 {
    frames.saturating_mul(ENTRIES_PER_FRAME_V1)
}

/// Entries a table of version 2 has with `frames` frames; `u32::MAX` if they are more than that.
#[must_use]
pub const fn entries_v2(frames: u32) -> u32 {
    frames.saturating_mul(ENTRIES_PER_FRAME_V2)
}

/// Frames a table of version 1 needs for `entries` entries.
#[must_use]
pub const fn frames_v1(entries: u32) -> u32 {
    entries.div_ceil(ENTRIES_PER_FRAME_V1)
}

/// Frames a table of version 2 needs for `entries` entries.
#[must_use]
pub const fn frames_v2(entries: u32) -> u32 {
    entries.div_ceil(ENTRIES_PER_FRAME_V2)
}

/// Status frames that belong to `frames` frames of a table of version 2: what
/// `GNTTABOP_get_status_frames` has to be asked for.
///
/// ```
/// # use xen_abi::macros::grant_table::status_frames;
/// assert_eq!(status_frames(9), 2);
/// ```
#[must_use]
pub const fn status_frames(frames: u32) -> u32 {
    frames.div_ceil(STATUS_PER_FRAME / ENTRIES_PER_FRAME_V2)
}
