//! Mapping the table's frames.

#![allow(unsafe_code, reason = "places the table's frames in memory")]

use core::ops::Range;
use core::ptr::NonNull;

use xen_abi::memory::{XENMAPIDX_grant_table_status, XENMAPSPACE_grant_table};
use xen_abi::xen::{DOMID_SELF, xen_pfn_t, xen_ulong_t};

use crate::gnttab::granting::Version;
use crate::hypercall::{Error, Hypercall, memory_op};

/// Status words in a frame for each entry of version 2 in one: 2048 to 256.
const GRANT_FRAMES_PER_STATUS_FRAME: u32 = 8;

/// Address space for the table's frames, and the way to map them there.
///
/// # Safety
///
/// While the value lives:
///
/// - [`shared`](Self::shared) and [`status`](Self::status) are the same each time, aligned to
///   [`PAGE_SIZE`](crate::page::PAGE_SIZE), and have address space for
///   [`capacity`](Self::capacity) frames, and for an eighth of that (rounded up), which nothing else
///   uses;
/// - once [`attach`](Self::attach) has succeeded for frames from 0 to `n`, the first `n` frames of the
///   table are there, in order, readable and writable from every CPU, and so are the status frames of
///   their entries, if the version is 2. They stay there. The memory type is the one of ordinary
///   memory (on Arm: normal, write-back, inner shareable).
pub unsafe trait TableFrames {
    /// How many frames fit.
    fn capacity(&self) -> u32;

    /// Where the first frame appears.
    fn shared(&self) -> NonNull<u8>;

    /// Where the first status frame appears, if there is address space for them.
    fn status(&self) -> Option<NonNull<u8>>;

    /// Maps frames; those before the range are mapped already. Xen's table grows as needed. The range
    /// ends within [`capacity`](Self::capacity).
    ///
    /// # Errors
    ///
    /// Xen's error. Then the table does not use these frames, and the call can be repeated.
    fn attach<H: Hypercall>(
        &mut self,
        xen: &H,
        version: Version,
        frames: Range<u32>,
    ) -> Result<(), Error>;
}

/// The status frames that these frames add to those of the frames before them.
pub(crate) const fn status_frames(frames: &Range<u32>) -> Range<u32> {
    frames.start.div_ceil(GRANT_FRAMES_PER_STATUS_FRAME)
        ..frames.end.div_ceil(GRANT_FRAMES_PER_STATUS_FRAME)
}

/// Guest frames without memory, and the address at which the CPU accesses them.
#[derive(Clone, Copy, Debug)]
pub struct FrameRange {
    /// The first byte's address, aligned to [`PAGE_SIZE`](crate::page::PAGE_SIZE).
    pub address: NonNull<u8>,
    /// The first guest frame's number. The others follow.
    pub frame: xen_pfn_t,
}

/// The table's frames in a translated guest, which is any but PV: Xen places them at guest frames that
/// the guest chooses.
#[derive(Debug)]
pub struct Translated {
    shared: FrameRange,
    status: Option<FrameRange>,
    capacity: u32,
}

// SAFETY: addresses of memory that is reachable from every CPU.
unsafe impl Send for Translated {}
// SAFETY: as above; this type does not access them.
unsafe impl Sync for Translated {}

impl Translated {
    /// Places the table at `shared`, which has `capacity` frames.
    ///
    /// # Safety
    ///
    /// The guest frames of the range have no memory, nothing else uses them, and they stay mapped to the
    /// addresses as ordinary memory, readable and writable, while the value lives.
    #[must_use]
    pub const unsafe fn new(shared: FrameRange, capacity: u32) -> Self {
        Self { shared, status: None, capacity }
    }

    /// Places the status frames of version 2 at `status`: one for each 8 frames, rounded up.
    ///
    /// # Safety
    ///
    /// As for [`new`](Self::new).
    #[must_use]
    pub const unsafe fn with_status(self, status: FrameRange) -> Self {
        Self { status: Some(status), ..self }
    }
}

// SAFETY: the caller of `new` promises the ranges; Xen places the frames there.
unsafe impl TableFrames for Translated {
    fn capacity(&self) -> u32 {
        self.capacity
    }

    fn shared(&self) -> NonNull<u8> {
        self.shared.address
    }

    fn status(&self) -> Option<NonNull<u8>> {
        self.status.map(|status| status.address)
    }

    fn attach<H: Hypercall>(
        &mut self,
        xen: &H,
        version: Version,
        frames: Range<u32>,
    ) -> Result<(), Error> {
        place(xen, self.shared, frames.clone(), 0)?;
        if let (Version::V2, Some(status)) = (version, self.status) {
            let placed = place(xen, status, status_frames(&frames), XENMAPIDX_grant_table_status);
            if placed.is_err() {
                remove(xen, self.shared, frames);
            }
            return placed;
        }
        Ok(())
    }
}

/// Places frames of the table, from the highest down, so that Xen's table grows once.
fn place<H: Hypercall>(
    xen: &H,
    range: FrameRange,
    frames: Range<u32>,
    kind: u32,
) -> Result<(), Error> {
    for frame in frames.clone().rev() {
        // SAFETY: the guest frames have no memory but what is placed there now.
        let placed = unsafe {
            memory_op::add_to_physmap(
                xen,
                DOMID_SELF,
                0,
                XENMAPSPACE_grant_table,
                index(frame | kind),
                at(range, frame),
            )
        };
        if placed.is_err() {
            remove(xen, range, frame + 1..frames.end);
            return placed;
        }
    }
    Ok(())
}

/// Removes frames, so that they can be placed again: Arm places a frame only once.
fn remove<H: Hypercall>(xen: &H, range: FrameRange, frames: Range<u32>) {
    for frame in frames {
        // SAFETY: `place` put the frame there, and nothing uses it yet. If it stays, that does no harm.
        let _ = unsafe { memory_op::remove_from_physmap(xen, DOMID_SELF, at(range, frame)) };
    }
}

/// The guest frame of the range for this frame of the table.
#[allow(clippy::cast_lossless, reason = "64 or 32 bits wide")]
const fn at(range: FrameRange, frame: u32) -> xen_pfn_t {
    // The range's frames exist, so this does not wrap.
    xen_pfn_t(range.frame.0.wrapping_add(frame as _))
}

#[allow(clippy::cast_lossless, reason = "64 or 32 bits wide")]
const fn index(frame: u32) -> xen_ulong_t {
    frame as xen_ulong_t
}
