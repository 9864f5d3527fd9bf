//! How the table's frames become reachable.

#![allow(unsafe_code, reason = "says where memory appears")]

use core::ops::Range;
use core::ptr::NonNull;

use xen_abi::memory::{XENMAPIDX_grant_table_status, XENMAPSPACE_grant_table};
use xen_abi::xen::{DOMID_SELF, xen_pfn_t, xen_ulong_t};

use crate::gnttab::granting::Version;
use crate::hypercall::{Error, Hypercall, memory_op};

/// Status words in a frame for each entry of version 2 in one: 2048 to 256.
const GRANT_FRAMES_PER_STATUS_FRAME: u32 = 8;

/// Room in the guest's address space where the table's frames appear, and how they are put there.
///
/// # Safety
///
/// While the value lives:
///
/// - [`shared`](Self::shared) and [`status`](Self::status) are the same each time, aligned to
///   [`PAGE_SIZE`](crate::page::PAGE_SIZE), and have room for [`capacity`](Self::capacity) frames, and for an eighth of that
///   (rounded up), which nothing else uses;
/// - once [`attach`](Self::attach) has succeeded for frames from 0 to `n`, the first `n` frames of the
///   table are there, in order, readable and writable from every CPU, and so are the status frames of
///   their entries, if the version is 2. They stay there. The memory type is the one of ordinary
///   memory (on Arm: normal, write-back, inner shareable).
pub unsafe trait TableFrames {
    /// For how many frames there is room.
    fn capacity(&self) -> u32;

    /// Where the first frame appears.
    fn shared(&self) -> NonNull<u8>;

    /// Where the first status frame appears, if there is room for them.
    fn status(&self) -> Option<NonNull<u8>>;

    /// Makes frames reachable, where those before them are. Xen's table grows as needed. The range
    /// ends within [`capacity`](Self::capacity).
    ///
    /// # Errors
    ///
    /// What Xen says. Then these frames are not to be used, and it can be tried again.
    fn attach<H: Hypercall>(
        &mut self,
        xen: &H,
        version: Version,
        frames: Range<u32>,
    ) -> Result<(), Error>;
}

/// The status frames that come with these frames, when those before them are there.
pub(crate) const fn status_frames(frames: &Range<u32>) -> Range<u32> {
    frames.start.div_ceil(GRANT_FRAMES_PER_STATUS_FRAME)
        ..frames.end.div_ceil(GRANT_FRAMES_PER_STATUS_FRAME)
}

/// Guest frames that hold nothing, and where the CPU reaches them.
#[derive(Clone, Copy, Debug)]
pub struct FrameRange {
    /// The first byte's address, aligned to [`PAGE_SIZE`](crate::page::PAGE_SIZE).
    pub address: NonNull<u8>,
    /// The first guest frame's number. The others follow.
    pub frame: xen_pfn_t,
}

/// The table's frames in a translated guest, which is any but PV: Xen places them at guest frames of
/// our choice.
#[derive(Debug)]
pub struct Translated {
    shared: FrameRange,
    status: Option<FrameRange>,
    capacity: u32,
}

// SAFETY: addresses of memory that is reachable from every CPU.
unsafe impl Send for Translated {}
// SAFETY: as above; nothing is done with them here.
unsafe impl Sync for Translated {}

impl Translated {
    /// Room for `capacity` frames.
    ///
    /// # Safety
    ///
    /// There are so many guest frames in the area, at which nothing is, that nothing else uses, and
    /// that stay mapped to the addresses as ordinary memory, readable and writable, while the value
    /// lives. Whatever was there is gone.
    #[must_use]
    pub const unsafe fn new(shared: FrameRange, capacity: u32) -> Self {
        Self { shared, status: None, capacity }
    }

    /// Adds room for the status frames of version 2: one for each 8 frames, rounded up.
    ///
    /// # Safety
    ///
    /// As for [`new`](Self::new).
    #[must_use]
    pub const unsafe fn with_status(self, status: FrameRange) -> Self {
        Self { status: Some(status), ..self }
    }
}

// SAFETY: the areas are promised by whoever made the value; Xen places the frames there.
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

/// Places frames of the table, from the highest down: so Xen's table grows once.
fn place<H: Hypercall>(
    xen: &H,
    area: FrameRange,
    frames: Range<u32>,
    kind: u32,
) -> Result<(), Error> {
    for frame in frames.clone().rev() {
        // SAFETY: nothing is at these guest frames but what is placed there now.
        let placed = unsafe {
            memory_op::add_to_physmap(
                xen,
                DOMID_SELF,
                0,
                XENMAPSPACE_grant_table,
                index(frame | kind),
                at(area, frame),
            )
        };
        if placed.is_err() {
            remove(xen, area, frame + 1..frames.end);
            return placed;
        }
    }
    Ok(())
}

/// Takes frames away again, so that they can be placed another time: Arm places a frame only once.
fn remove<H: Hypercall>(xen: &H, area: FrameRange, frames: Range<u32>) {
    for frame in frames {
        // SAFETY: what is there was placed by us, and nobody has used it yet. If it stays there, no
        // harm is done.
        let _ = unsafe { memory_op::remove_from_physmap(xen, DOMID_SELF, at(area, frame)) };
    }
}

/// The guest frame of the area for this frame of the table.
#[allow(clippy::cast_lossless, reason = "64 or 32 bits wide")]
const fn at(area: FrameRange, frame: u32) -> xen_pfn_t {
    // The area's frames exist, so this does not wrap.
    xen_pfn_t(area.frame.0.wrapping_add(frame as _))
}

#[allow(clippy::cast_lossless, reason = "64 or 32 bits wide")]
const fn index(frame: u32) -> xen_ulong_t {
    frame as xen_ulong_t
}
