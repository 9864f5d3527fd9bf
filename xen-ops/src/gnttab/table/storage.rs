//! Memory for the table's own state, which the caller provides.

use crate::gnttab::granting::ReaperSlot;
use crate::gnttab::references::BitmapLine;

#[cfg(not(loom))]
use core::fmt;
#[cfg(not(loom))]
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Memory for the state of one table: which references are free, and grants that were dropped while
/// the peer still used them.
///
/// It also limits how far the table can grow: a line holds the state of 256 references, which is half
/// a frame of version 1 and a whole frame of version 2.
#[derive(Debug)]
pub struct TableStorage<'s, P> {
    pub(crate) lines: &'s [BitmapLine],
    pub(crate) slots: &'s [ReaperSlot<P>],
}

impl<'s, P> TableStorage<'s, P> {
    /// Uses the caller's memory, whose previous contents do not matter.
    #[must_use]
    pub fn new(lines: &'s mut [BitmapLine], slots: &'s mut [ReaperSlot<P>]) -> Self {
        lines.fill_with(BitmapLine::new);
        slots.fill_with(ReaperSlot::new);
        Self { lines, slots }
    }

    /// Takes memory for `frames` frames of version 1 (twice as many of version 2) and for `deferred`
    /// grants from the allocator, and never frees it: a guest's table lives as long as the guest.
    #[cfg(feature = "alloc")]
    #[cfg_attr(docsrs, doc(cfg(feature = "alloc")))]
    #[must_use]
    pub fn leak(frames: usize, deferred: usize) -> TableStorage<'static, P> {
        use core::iter::repeat_with;

        let lines: alloc::boxed::Box<[BitmapLine]> =
            repeat_with(BitmapLine::new).take(2 * frames).collect();
        let slots: alloc::boxed::Box<[ReaperSlot<P>]> =
            repeat_with(ReaperSlot::new).take(deferred).collect();
        TableStorage {
            lines: alloc::boxed::Box::leak(lines),
            slots: alloc::boxed::Box::leak(slots),
        }
    }
}

/// [`TableStorage`] for a static: for `FRAMES` frames of version 1 (twice as many of version 2) and
/// `DEFERRED` grants.
///
/// ```
/// use xen_ops::gnttab::Storage;
/// # struct MyPage;
///
/// // 64 frames, Xen's default limit, take 8 KiB: a quarter of a byte for each reference.
/// static STORAGE: Storage<MyPage, 64, 32> = Storage::new();
///
/// assert!(STORAGE.take().is_some());
/// assert!(STORAGE.take().is_none(), "it is for one table");
/// ```
#[cfg(not(loom))]
pub struct Storage<P, const FRAMES: usize, const DEFERRED: usize> {
    taken: AtomicBool,
    lines: [[BitmapLine; 2]; FRAMES],
    slots: [ReaperSlot<P>; DEFERRED],
}

#[cfg(not(loom))]
impl<P, const FRAMES: usize, const DEFERRED: usize> Storage<P, FRAMES, DEFERRED> {
    /// Storage that has not been taken.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            taken: AtomicBool::new(false),
            lines: [const { [const { BitmapLine::new() }; 2] }; FRAMES],
            slots: [const { ReaperSlot::new() }; DEFERRED],
        }
    }

    /// The storage, or `None` if it has been taken before.
    #[must_use]
    pub fn take(&self) -> Option<TableStorage<'_, P>> {
        // Nothing is written to the storage before it is taken: relaxed is enough.
        if self.taken.swap(true, Relaxed) {
            return None;
        }
        Some(TableStorage { lines: self.lines.as_flattened(), slots: &self.slots })
    }
}

#[cfg(not(loom))]
impl<P, const FRAMES: usize, const DEFERRED: usize> Default for Storage<P, FRAMES, DEFERRED> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(not(loom))]
impl<P, const FRAMES: usize, const DEFERRED: usize> fmt::Debug for Storage<P, FRAMES, DEFERRED> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").field("taken", &self.taken).finish_non_exhaustive()
    }
}
