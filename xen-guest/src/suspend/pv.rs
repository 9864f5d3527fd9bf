//! A PV guest, which sees machine frames: the toolstack finds those that it changes by what the guest tells it, and
//! none of its page tables maps a page of Xen's meanwhile.
//!
//! Upstream: `xen/include/public/arch-x86/xen.h`, `struct arch_shared_info`; `xen/include/public/sched.h`.

use core::ptr;

use xen_abi::sched::SHUTDOWN_suspend;
use xen_abi::xen::{shared_info, start_info, xen_pfn_t};
use xen_ops::GrantTable;
use xen_ops::field;
use xen_ops::hypercall::sched_op;
use xen_ops::page::PAGE_SIZE;
use xen_ops::view::Field;

use super::{SuspendError, Suspended};
use crate::backend::Backend;
use crate::memory::{map_frame, unmap};
use crate::start_info::{FrameList, IdentityMapped, PvStartInfo};
use crate::{
    AddressSpace, GrantFrames, Guest, PageStorage, SharedInfo, StartInfo, console, frames,
};

/// Numbers of frames in a page.
const ENTRIES: usize = PAGE_SIZE / size_of::<xen_pfn_t>();
/// Pages in the middle of the tree: one for each GiB of memory.
const MIDDLE: usize = 16;
/// The most pages that a domain can have that is suspended.
const MAX_PAGES: usize = MIDDLE * ENTRIES * ENTRIES;

/// The tree by which the toolstack finds the list of frames: its top, and frames of the list's pages.
static TOP: PageStorage = PageStorage::ZERO;
static FRAMES: [PageStorage; MIDDLE] = [PageStorage::ZERO; MIDDLE];

const COUNT: Field<u64> = field!(shared_info, arch.max_pfn);
const TREE: Field<xen_pfn_t> = field!(shared_info, arch.pfn_to_mfn_frame_list_list);
const MASK: Field<[u64; 64]> = Field::at::<{ field!(shared_info, evtchn_mask).offset() }>();

/// # Safety
///
/// As [`suspend`](super::suspend).
pub(super) unsafe fn suspend<P>(
    guest: &mut Guest,
    shared_info: &SharedInfo,
    table: Option<&GrantTable<'_, Backend, GrantFrames, P>>,
) -> Result<Suspended, SuspendError> {
    let StartInfo::Pv(info) = guest.start_info else { return Err(SuspendError::NoFrame) };
    let (xen, list) = (guest.xen(), info.frames());
    let own = list.get(info.address() as usize / PAGE_SIZE).ok_or(SuspendError::NoFrame)?;
    show_frames(shared_info, list)?;
    let rings = Rings::of(&info)?;
    console::flush();
    // SAFETY: the caller's promise: nothing uses these pages until they are mapped again, and what is gone then
    // is made again below.
    let result = unsafe {
        rings.write(rings.pages);
        unmap(&xen, shared_info.address(), 1)
            .and_then(|()| frames::unmap_table(&xen))
            .and_then(|()| sched_op::suspend(&xen, own.0 as usize, SHUTDOWN_suspend))
    };
    if result != Ok(0) {
        // SAFETY: the domain is the same, as is its start information.
        unsafe { rings.write(rings.frames) };
    } else {
        // SAFETY: Xen maps the start information where it was, and it does not change any more.
        let memory = unsafe { IdentityMapped::new(1 << 40) };
        let info = PvStartInfo::read(memory, info.address()).map_err(SuspendError::StartInfo)?;
        guest.space = AddressSpace::Pv { frames: info.frames() };
        guest.command_line = info.command_line();
        guest.start_info = StartInfo::Pv(info);
        if let Some(ring) = info.console_ring() {
            console::rebind(ring.port);
        }
    }
    let frame = guest.pv_start_info().map_or(0, |info| info.shared_info() >> 12);
    map_frame(&xen, shared_info.address(), frame).map_err(SuspendError::SharedInfo)?;
    if result == Ok(0) {
        // The toolstack has masked all ports. New ones are not, where they are the domain's first.
        let mask = shared_info.view().at(MASK);
        (0..64).filter_map(|word| mask.element(word)).for_each(|word| word.write(&0));
    }
    if let Some(table) = table {
        // SAFETY: this is the only vCPU, and it was suspended since. Where the domain is the same, Xen has the
        // table as it was, and this maps its frames.
        unsafe { table.resume() }.map_err(SuspendError::GrantTable)?;
    }
    match result {
        Ok(0) => Ok(Suspended::Resumed),
        Ok(_) => Ok(Suspended::Cancelled),
        Err(error) => Err(SuspendError::Refused(error)),
    }
}

/// Tells the toolstack where the list of frames is, in which it puts those of the restored domain.
fn show_frames(shared_info: &SharedInfo, list: FrameList<'_>) -> Result<(), SuspendError> {
    let (count, first) = (list.len(), list.first().as_ptr().addr());
    if count > MAX_PAGES {
        return Err(SuspendError::TooLarge { pages: count, max: MAX_PAGES });
    }
    if first % PAGE_SIZE != 0 {
        return Err(SuspendError::NoFrame);
    }
    let frame = |address: usize| list.get(address / PAGE_SIZE).ok_or(SuspendError::NoFrame);
    for page in 0..count.div_ceil(ENTRIES) {
        let leaf = frame(first + page * PAGE_SIZE)?;
        write(&FRAMES[page / ENTRIES], page % ENTRIES, leaf);
    }
    for (index, page) in FRAMES.iter().take(count.div_ceil(ENTRIES * ENTRIES)).enumerate() {
        write(&TOP, index, frame(page.address().as_ptr().addr())?);
    }
    let top = frame(TOP.address().as_ptr().addr())?;
    shared_info.view().at(TREE).write(&top);
    shared_info.view().at(COUNT).write(&(count as u64));
    Ok(())
}

/// Writes an entry of the tree.
fn write(page: &'static PageStorage, index: usize, frame: xen_pfn_t) {
    let entry = page.address().cast::<xen_pfn_t>().as_ptr().wrapping_add(index);
    // SAFETY: the index is below `ENTRIES`, and this module alone uses the page, on one vCPU.
    unsafe { entry.write_volatile(frame) };
}

/// The rings of console and xenstore in the start information: machine frames, but pages of the domain while it is
/// suspended. Absent ones are 0.
struct Rings {
    info: *mut start_info,
    frames: [xen_pfn_t; 2],
    pages: [xen_pfn_t; 2],
}

impl Rings {
    fn of(info: &PvStartInfo<'_>) -> Result<Self, SuspendError> {
        let frames = [info.store_ring(), info.console_ring()];
        let frames = frames.map(|ring| ring.map_or(xen_pfn_t(0), |ring| ring.frame));
        let mut pages = frames;
        for page in pages.iter_mut().filter(|frame| frame.0 != 0) {
            let found = info.frames().position(*page).ok_or(SuspendError::NoFrame)?;
            page.0 = found as u64;
        }
        let info = ptr::with_exposed_provenance_mut(info.address() as usize);
        Ok(Self { info, frames, pages })
    }

    /// # Safety
    ///
    /// The start information is where it was when the kernel was started.
    unsafe fn write(&self, [store, console]: [xen_pfn_t; 2]) {
        // SAFETY: the caller's promise. The console's number is the first of its union.
        unsafe {
            (&raw mut (*self.info).store_mfn).write_volatile(store);
            (&raw mut (*self.info).console).cast::<xen_pfn_t>().write_volatile(console);
        }
    }
}
