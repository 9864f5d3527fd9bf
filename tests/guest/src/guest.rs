//! This kernel as the scenarios see it.

use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::memory::{XENMAPIDX_grant_table_status, XENMAPSPACE_grant_table};
use xen_abi::xen::{domid_t, shared_info, xen_pfn_t};
use xen_guest::backend::Backend;
use xen_guest::time::Clock;
use xen_guest::{
    GrantFrames, Guest as Kernel, GuestKind, GuestPage, PagePool, PortSet, SharedInfo,
    UnmappedPage, console,
};
use xen_ops::field;
use xen_ops::gnttab::TableFrames as _;
use xen_ops::hypercall::sched_op::poll;
use xen_ops::page::{MapTarget as _, Page as _};
use xen_ops::view::Field;
use xen_scenarios::event_set::PAIRS;
use xen_scenarios::{Guest, Kind, Part, Run};

use crate::{kept, toolstack};

/// Words of 32 bits in the array of pending ports: 1024 ports where a guest has 32 bits on x86, 4096 elsewhere.
const WORDS: usize = size_of_val(&shared_info::ZERO.evtchn_pending) / size_of::<u32>();

/// One bit for each port, in words that all processors here can change atomically.
const PENDING: Field<[u32; WORDS]> =
    Field::at::<{ field!(shared_info, evtchn_pending).offset() }>();

/// Nanoseconds that a domain sleeps at a time while it waits for others.
const TURN: u64 = 4_000_000;

/// Pages to be handed out, each once.
static POOL: PagePool<1024> = PagePool::new();

/// The guest that this kernel is.
pub(crate) struct LiveGuest {
    kernel: Kernel,
    xen: Backend,
    domid: domid_t,
    shared_info: SharedInfo,
    clock: Clock,
    /// The first frame of the grant table, once it is mapped: Arm maps it once only.
    entries: Option<NonNull<u8>>,
}

impl LiveGuest {
    /// The guest that was started so.
    pub(crate) fn new(kernel: Kernel) -> Self {
        let mut words = kernel.command_line().split_whitespace();
        let me = words.find_map(|word| word.strip_prefix("me="));
        let domid = domid_t(me.and_then(|me| me.parse().ok()).unwrap_or(0));
        let shared_info = SharedInfo::map(&kernel, take(&kernel)).expect("the shared page");
        let clock = Clock::new(&shared_info).expect("the clock");
        Self { xen: kernel.xen(), domid, shared_info, clock, entries: None, kernel }
    }
}

#[cfg(target_arch = "x86_64")]
impl LiveGuest {
    /// What the kernel was started with.
    pub(crate) fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// The page that it shares with Xen.
    pub(crate) fn shared_info(&self) -> &SharedInfo {
        &self.shared_info
    }
}

fn take(kernel: &Kernel) -> GuestPage {
    POOL.take(kernel).expect("a page of the pool")
}

/// Takes a page's memory away.
fn unmap(kernel: &Kernel, page: GuestPage) -> UnmappedPage {
    UnmappedPage::new(kernel, page).expect("a page of our own without memory")
}

impl Guest for LiveGuest {
    type Xen = Backend;
    type Page = GuestPage;
    type MapTarget = UnmappedPage;
    type Frames = GrantFrames;
    type PortSet<'g> = PortSet<'g, PAIRS>;

    fn xen(&self) -> &Backend {
        &self.xen
    }

    fn kind(&self) -> Kind {
        match self.kernel.kind() {
            GuestKind::Pv => Kind::Pv,
            GuestKind::Pvh => Kind::Pvh,
            GuestKind::Arm => Kind::Arm,
        }
    }

    fn domid(&self) -> domid_t {
        self.domid
    }

    fn page(&mut self) -> GuestPage {
        take(&self.kernel)
    }

    fn loose_frame(&mut self) -> xen_pfn_t {
        let page = take(&self.kernel);
        let frame = page.frame();
        if self.kernel.kind() == GuestKind::Pv {
            let _ = unmap(&self.kernel, page);
        }
        frame
    }

    fn target(&mut self) -> UnmappedPage {
        unmap(&self.kernel, take(&self.kernel))
    }

    fn bad_address(&self) -> usize {
        match self.kernel.kind() {
            // Xen's own part of the address space.
            GuestKind::Pv => 0xffff_8300_0000_0000_u64 as usize,
            // Mapped, or without paging an address like any other, and nothing is there.
            GuestKind::Pvh => 0x7000_0000,
            GuestKind::Arm => 0x1000,
        }
    }

    fn torn(&mut self) -> NonNull<u8> {
        let [first, middle, _] = POOL.take_array(&self.kernel).expect("pages of the pool");
        let _ = unmap(&self.kernel, middle);
        first.address()
    }

    fn frames(&mut self) -> GrantFrames {
        let frames = GrantFrames::new::<2, 1024>(&self.kernel, &POOL).expect("the table's place");
        self.entries = Some(frames.shared());
        frames
    }

    fn table(&mut self, part: Part) -> NonNull<u8> {
        if let (Part::Shared, Some(entries)) = (part, self.entries) {
            return entries;
        }
        let place = self.target();
        if self.kernel.kind() == GuestKind::Pv {
            map_part(&self.xen, &place, part);
        } else {
            let index = match part {
                Part::Shared => 0,
                Part::Status => XENMAPIDX_grant_table_status as usize,
            };
            place.place(XENMAPSPACE_grant_table, index).expect("the table's frame");
        }
        if part == Part::Shared {
            self.entries = Some(place.address());
        }
        place.address()
    }

    fn take_event(&mut self, port: u32) -> bool {
        let bit = 1 << (port % u32::BITS);
        let word = self.shared_info.view().at(PENDING).element((port / u32::BITS) as usize);
        word.is_some_and(|word| word.fetch_and(!bit, Ordering::AcqRel) & bit != 0)
    }

    fn give_way(&self) {
        // It does not fail. Domains that yield would take the processor in turns, and leave one turn of many to the Linux
        // that they wait for.
        let _ = poll(&self.xen, &[], self.clock.now() + TURN);
    }

    fn port_set(&self, ports: [evtchn_port_t; PAIRS]) -> PortSet<'_, PAIRS> {
        let mut set = PortSet::new(self.xen, self.shared_info.events(), &self.clock);
        ports.into_iter().for_each(|port| set.add(port).expect("a port of the 2-level ABI"));
        set
    }

    fn destroy(&mut self, domid: domid_t) {
        // Other domains have a toolstack that does it.
        if self.domid == domid_t(0) {
            toolstack::destroy(&self.xen, domid);
        }
    }

    fn compat_call(&mut self, number: u32, arguments: [u32; 5]) -> Option<i32> {
        #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
        return (self.kernel.kind() == GuestKind::Pvh)
            .then(|| crate::compat::call(&self.xen, number, arguments));
        #[cfg(not(any(target_arch = "x86_64", target_arch = "x86")))]
        {
            let _ = (number, arguments);
            None
        }
    }

    fn pv(run: &mut Run<'_, Self>) {
        #[cfg(target_arch = "x86_64")]
        if run.guest.kernel.kind() == GuestKind::Pv {
            crate::pv::pv(run);
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = run;
    }

    fn write(&mut self, line: fmt::Arguments<'_>) {
        if kept::is_on() {
            kept::write_line(&self.xen, line);
        } else {
            console::write_line(line);
        }
    }

    fn scenario_over(&mut self) {
        kept::write_out(&self.xen);
    }
}

/// Maps the first frame of the grant table's part, in a PV guest.
#[cfg(target_arch = "x86_64")]
fn map_part(xen: &Backend, place: &UnmappedPage, part: Part) {
    use xen_abi::xen::DOMID_SELF;
    use xen_ops::hypercall::grant_table_op::{get_status_frames, setup_table};

    let frame = match part {
        Part::Shared => {
            let mut frames = [xen_pfn_t(0)];
            setup_table(xen, DOMID_SELF, &mut frames).expect("the table's frames");
            frames[0].0
        }
        Part::Status => {
            let mut frames = [0];
            get_status_frames(xen, DOMID_SELF, &mut frames).expect("the status frames");
            frames[0]
        }
    };
    place.map_frame(frame).expect("the table's frame");
}

#[cfg(not(target_arch = "x86_64"))]
fn map_part(_: &Backend, _: &UnmappedPage, _: Part) {}
