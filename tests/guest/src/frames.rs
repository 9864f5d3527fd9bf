//! Where the frames of the grant table appear.

#![allow(unsafe_code, reason = "says where memory is")]

use core::ops::Range;
use core::ptr::NonNull;
use core::slice;

use xen_abi::xen::xen_pfn_t;
use xen_ops::gnttab::{FrameRange, MapFrames, Paravirtual, TableFrames, Translated, Version};
use xen_ops::hypercall::{Error, Hypercall};
use xen_ops::page::{MapTarget, Page};

use crate::memory::{OwnPage, Room, Space, map_frame};

/// Frames of the table that there is room for.
const CAPACITY: usize = 2;

/// Room for the table's frames, in either kind of guest.
pub(crate) enum LiveFrames {
    /// At guest frames of our choice.
    Translated(Translated),
    /// Through page tables.
    Pv(Paravirtual<'static, PageTables>),
}

impl LiveFrames {
    /// Room, never handed out before.
    pub(crate) fn new(space: Space) -> Self {
        let rooms = [(); CAPACITY].map(|()| {
            let page = OwnPage::take(space);
            (Room::new(&page, space), page.frame())
        });
        // Pages are handed out one after the other.
        let [(first, frame), _] = rooms;
        match space {
            Space::Pv { .. } => {
                let list = OwnPage::take(space).address().cast::<xen_pfn_t>();
                // SAFETY: the page is ours, zeroed, and has room for 512 numbers.
                let list = unsafe { slice::from_raw_parts_mut(list.as_ptr(), CAPACITY) };
                // SAFETY: nothing else uses the rooms.
                Self::Pv(unsafe { Paravirtual::new(PageTables, first.address(), list) })
            }
            Space::Translated { .. } => {
                let area = FrameRange { address: first.address(), frame };
                // SAFETY: nothing else uses the rooms, and nothing is there.
                Self::Translated(unsafe { Translated::new(area, CAPACITY as u32) })
            }
        }
    }
}

/// The page tables of a PV guest.
pub(crate) struct PageTables;

// SAFETY: there is one processor, and the entry is written before the call returns.
unsafe impl MapFrames for PageTables {
    unsafe fn map(&mut self, at: NonNull<u8>, frame: u64) -> Result<(), Error> {
        map_frame(at, frame);
        Ok(())
    }
}

// SAFETY: hands everything on.
unsafe impl TableFrames for LiveFrames {
    fn capacity(&self) -> u32 {
        match self {
            Self::Translated(frames) => frames.capacity(),
            Self::Pv(frames) => frames.capacity(),
        }
    }

    fn shared(&self) -> NonNull<u8> {
        match self {
            Self::Translated(frames) => frames.shared(),
            Self::Pv(frames) => frames.shared(),
        }
    }

    fn status(&self) -> Option<NonNull<u8>> {
        None
    }

    fn attach<X: Hypercall>(
        &mut self,
        xen: &X,
        version: Version,
        frames: Range<u32>,
    ) -> Result<(), Error> {
        match self {
            Self::Translated(own) => own.attach(xen, version, frames),
            Self::Pv(own) => own.attach(xen, version, frames),
        }
    }
}
