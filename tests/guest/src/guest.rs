//! This kernel as the scenarios see it.

#![allow(unsafe_code, reason = "reads the page that Xen shares with the domain")]

use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use xen_abi::memory::{
    XENMAPIDX_grant_table_status, XENMAPSPACE_grant_table, XENMAPSPACE_shared_info,
};
use xen_abi::xen::{DOMID_SELF, domid_t, shared_info, xen_pfn_t};
use xen_ops::gnttab::TableFrames as _;
use xen_ops::hypercall::grant_table_op::{get_status_frames, setup_table};
use xen_ops::page::{MapTarget, Page};
use xen_ops::view::Field;
use xen_ops::{ReadWrite, View, field};
use xen_scenarios::{Guest, Kind, Part};

use crate::console;
use crate::entry::{Start, Xen, compat_call, xen};
use crate::frames::LiveFrames;
use crate::memory::{OwnPage, Room, Space};
use crate::toolstack;

/// One bit for each port, in words that all processors here can change atomically.
const PENDING: Field<[u32; 128]> = Field::at::<{ field!(shared_info, evtchn_pending).offset() }>();

/// The guest that this kernel is.
pub(crate) struct LiveGuest {
    xen: Xen,
    kind: Kind,
    domid: domid_t,
    space: Space,
    shared_info: View<'static, ReadWrite>,
    /// The first frame of the grant table, once it is mapped: Arm maps it once only.
    entries: Option<NonNull<u8>>,
}

impl LiveGuest {
    /// The guest that was started so.
    pub(crate) fn new(start: Start) -> Self {
        let Start { kind, arguments, space } = start;
        let me = arguments.split_whitespace().find_map(|word| word.strip_prefix("me="));
        let domid = domid_t(me.and_then(|me| me.parse().ok()).unwrap_or(0));
        let room = room(space);
        match space {
            Space::Pv { shared_info, .. } => room.point_to(shared_info >> 12),
            Space::Translated { .. } => room.fill(XENMAPSPACE_shared_info, 0),
        }
        // SAFETY: the page that Xen shares is there from now on, and is accessed through this view.
        let shared_info = unsafe { View::new(room.address()) };
        Self { xen: xen(), kind, domid, space, shared_info, entries: None }
    }
}

/// Room, never handed out before.
fn room(space: Space) -> Room {
    Room::new(&OwnPage::take(space), space)
}

impl Guest for LiveGuest {
    type Xen = Xen;
    type Page = OwnPage;
    type MapTarget = Room;
    type Frames = LiveFrames;

    fn xen(&self) -> &Xen {
        &self.xen
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    fn domid(&self) -> domid_t {
        self.domid
    }

    fn page(&mut self) -> OwnPage {
        OwnPage::take(self.space)
    }

    fn loose_frame(&mut self) -> xen_pfn_t {
        let page = OwnPage::take(self.space);
        if let Space::Pv { .. } = self.space {
            let _ = Room::new(&page, self.space);
        }
        page.frame()
    }

    fn target(&mut self) -> Room {
        room(self.space)
    }

    fn bad_address(&self) -> usize {
        match self.kind {
            // Xen's own part of the address space.
            Kind::Pv => 0xffff_8300_0000_0000_u64 as usize,
            // Beyond what the entry code mapped.
            Kind::Pvh => (1_u64 << 40) as usize,
            // Mapped, and nothing is there.
            Kind::Arm => 0x1000,
        }
    }

    fn torn(&mut self) -> NonNull<u8> {
        // Pages are handed out one after the other.
        let [first, middle, _] = [(); 3].map(|()| OwnPage::take(self.space));
        let _ = Room::new(&middle, self.space);
        first.address()
    }

    fn frames(&mut self) -> LiveFrames {
        let frames = LiveFrames::new(self.space);
        self.entries = Some(frames.shared());
        frames
    }

    fn table(&mut self, part: Part) -> NonNull<u8> {
        if let (Part::Shared, Some(entries)) = (part, self.entries) {
            return entries;
        }
        let room = room(self.space);
        match (self.space, part) {
            (Space::Pv { .. }, Part::Shared) => {
                let mut frames = [xen_pfn_t(0)];
                setup_table(&self.xen, DOMID_SELF, &mut frames).expect("the table's frames");
                room.point_to(frames[0].0);
            }
            (Space::Pv { .. }, Part::Status) => {
                let mut frames = [0];
                get_status_frames(&self.xen, DOMID_SELF, &mut frames).expect("the status frames");
                room.point_to(frames[0]);
            }
            (Space::Translated { .. }, Part::Shared) => room.fill(XENMAPSPACE_grant_table, 0),
            (Space::Translated { .. }, Part::Status) => {
                room.fill(XENMAPSPACE_grant_table, XENMAPIDX_grant_table_status as usize);
            }
        }
        if part == Part::Shared {
            self.entries = Some(room.address());
        }
        room.address()
    }

    fn take_event(&mut self, port: u32) -> bool {
        let bit = 1 << (port % u32::BITS);
        let word = self.shared_info.at(PENDING).element((port / u32::BITS) as usize);
        word.is_some_and(|word| word.fetch_and(!bit, Ordering::AcqRel) & bit != 0)
    }

    fn destroy(&mut self, domid: domid_t) {
        // Other domains have a toolstack that does it.
        if self.domid == domid_t(0) {
            toolstack::destroy(&self.xen, domid);
        }
    }

    fn compat_call(&mut self, number: u32, arguments: [u32; 5]) -> Option<i32> {
        compat_call(self.kind, number, arguments)
    }

    fn write(&mut self, line: fmt::Arguments<'_>) {
        console::write(line);
    }
}
