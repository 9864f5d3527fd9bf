//! A Xen of a few lines, memory, pages, and a peer that claims entries as Xen does for it.

use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicBool, AtomicU16, AtomicU32};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::sync::Mutex;
use std::vec::Vec;

use xen_abi::grant_table::*;
use xen_abi::memory::{XENMEM_add_to_physmap, XENMEM_remove_from_physmap, xen_add_to_physmap};
use xen_abi::xen::{__HYPERVISOR_grant_table_op, __HYPERVISOR_memory_op, domid_t, xen_pfn_t};

use crate::DomainId;
use crate::gnttab::granting::{Entries, Entry};
use crate::gnttab::{
    Config, FrameRange, GrantTable, Revoking, StartError, Storage, Translated, Version,
    VersionPolicy,
};
use crate::hypercall::Hypercall;
use crate::page::{PAGE_SIZE, Page};

/// Frames there is room for.
pub(super) const ROOM: usize = 4;
const PAGES: usize = 600;
pub(super) const ENOSYS: isize = -38;
pub(super) const EINVAL: isize = -22;

pub(super) type Store<'w> = Storage<TestPage<'w>, ROOM, 4>;
pub(super) type Table<'w> = GrantTable<'w, &'w World, Translated, TestPage<'w>>;

/// Everything outside of the table.
pub(super) struct World {
    memory: NonNull<u8>,
    pub(super) state: Mutex<State>,
    live: [AtomicBool; PAGES],
}

/// What Xen knows.
pub(super) struct State {
    pub(super) version: u32,
    pub(super) max_version: u32,
    pub(super) max_frames: u32,
    /// Indices that were placed, in order.
    pub(super) placed: Vec<u64>,
    pub(super) removed: usize,
    /// Placing this index fails.
    pub(super) refuse: Option<u64>,
}

// SAFETY: the memory is touched atomically.
unsafe impl Sync for World {}

impl Drop for World {
    fn drop(&mut self) {
        // SAFETY: allocated so in `new`.
        unsafe { dealloc(self.memory.as_ptr(), World::layout()) };
    }
}

impl World {
    fn layout() -> Layout {
        Layout::from_size_align((2 * ROOM + PAGES) * PAGE_SIZE, PAGE_SIZE).unwrap()
    }

    pub(super) fn new() -> Self {
        // SAFETY: not of size 0.
        let memory = NonNull::new(unsafe { alloc_zeroed(Self::layout()) }).unwrap();
        Self {
            memory,
            state: Mutex::new(State {
                version: 1,
                max_version: 2,
                max_frames: 64,
                placed: Vec::new(),
                removed: 0,
                refuse: None,
            }),
            live: [const { AtomicBool::new(false) }; PAGES],
        }
    }

    fn at(&self, page: usize) -> NonNull<u8> {
        // SAFETY: inside the memory.
        unsafe { self.memory.add(page * PAGE_SIZE) }
    }

    pub(super) fn start<'w>(
        &'w self,
        storage: &'w Store<'w>,
        config: Config,
    ) -> Result<Table<'w>, StartError> {
        let shared = FrameRange { address: self.at(0), frame: xen_pfn_t(0x100) };
        let status = FrameRange { address: self.at(ROOM), frame: xen_pfn_t(0x200) };
        // SAFETY: the areas are nobody else's.
        let frames = unsafe { Translated::new(shared, ROOM as u32).with_status(status) };
        // SAFETY: there is one table in this world.
        unsafe { GrantTable::start(self, frames, storage.take().unwrap(), config) }
    }

    pub(super) fn table<'w>(&'w self, storage: &'w Store<'w>, version: Version) -> Table<'w> {
        let version = match version {
            Version::V1 => VersionPolicy::V1,
            Version::V2 => VersionPolicy::V2,
        };
        self.start(storage, Config { version, ..Config::default() }).unwrap()
    }

    pub(super) fn page(&self) -> TestPage<'_> {
        let at = self.live.iter().position(|live| !live.swap(true, Relaxed)).unwrap();
        TestPage { world: self, at, frame: at as u64 }
    }

    /// How many pages there are.
    pub(super) fn pages(&self) -> usize {
        self.live.iter().filter(|live| live.load(Relaxed)).count()
    }

    fn is_v2(&self) -> bool {
        self.state.lock().unwrap().version == 2
    }

    /// The header of an entry.
    pub(super) fn header(&self, reference: grant_ref_t) -> &AtomicU32 {
        let size = if self.is_v2() { 16 } else { 8 };
        // SAFETY: inside the memory.
        unsafe { self.memory.add(reference.0 as usize * size).cast().as_ref() }
    }

    pub(super) fn frame(&self, reference: grant_ref_t) -> u64 {
        self.entry(reference).read().1
    }

    pub(super) fn word(&self, reference: grant_ref_t) -> u32 {
        // SAFETY: inside the memory.
        let at = unsafe { self.memory.add(reference.0 as usize * 16 + 4).cast::<AtomicU32>() };
        // SAFETY: as above.
        unsafe { at.as_ref() }.load(Relaxed)
    }

    pub(super) fn status(&self, reference: grant_ref_t) -> &AtomicU16 {
        // SAFETY: inside the memory.
        unsafe { self.at(ROOM).add(reference.0 as usize * 2).cast().as_ref() }
    }

    fn entry(&self, reference: grant_ref_t) -> Entry<'_> {
        let version = if self.is_v2() { Version::V2 } else { Version::V1 };
        // SAFETY: there is room for as many entries as any reference has.
        unsafe { Entries::new(version, self.at(0), self.at(ROOM)).get(reference.0) }
    }

    /// Xen claims the entry for a domain: gives the frame.
    pub(super) fn claim(&self, reference: grant_ref_t, domain: u16, write: bool) -> Option<u64> {
        match self.entry(reference) {
            Entry::V1(entry) => entry.claim(domid_t(domain), write),
            Entry::V2(entry, status) => entry.claim(status, domid_t(domain), write),
        }
    }

    /// Xen lets the entry go.
    pub(super) fn unclaim(&self, reference: grant_ref_t) {
        match self.entry(reference) {
            Entry::V1(entry) => entry.unclaim(),
            Entry::V2(_, status) => status.unclaim(),
        }
    }
}

// SAFETY: writes what the hypercalls write.
unsafe impl Hypercall for World {
    unsafe fn call(&self, number: u32, arguments: [usize; 5]) -> isize {
        let mut state = self.state.lock().unwrap();
        let [command, second, third, ..] = arguments;
        // SAFETY: the caller's promise.
        unsafe {
            if number == __HYPERVISOR_grant_table_op {
                assert_eq!(third, 1);
                state.grant_table_op(command as u32, second)
            } else {
                assert_eq!(number, __HYPERVISOR_memory_op);
                state.memory_op(command as u32, second)
            }
        }
    }
}

impl State {
    unsafe fn grant_table_op(&mut self, command: u32, argument: usize) -> isize {
        match command {
            GNTTABOP_set_version => {
                let at = core::ptr::with_exposed_provenance_mut::<gnttab_set_version>(argument);
                // SAFETY: the argument of this command.
                let wanted = unsafe { (*at).version };
                let result = match wanted {
                    1 | 2 if wanted <= self.max_version => 0,
                    1 | 2 => ENOSYS,
                    _ => EINVAL,
                };
                if result == 0 {
                    self.version = wanted;
                }
                // SAFETY: as above.
                unsafe { (*at).version = self.version };
                result
            }
            GNTTABOP_query_size => {
                let at = core::ptr::with_exposed_provenance_mut::<gnttab_query_size>(argument);
                // SAFETY: the argument of this command.
                unsafe {
                    (*at).nr_frames = 1;
                    (*at).max_nr_frames = self.max_frames;
                    (*at).status = GNTST_okay;
                }
                0
            }
            _ => ENOSYS,
        }
    }

    unsafe fn memory_op(&mut self, command: u32, argument: usize) -> isize {
        match command {
            XENMEM_add_to_physmap => {
                let at = core::ptr::with_exposed_provenance::<xen_add_to_physmap>(argument);
                // SAFETY: the argument of this command.
                let index = unsafe { (*at).idx };
                #[allow(clippy::useless_conversion, reason = "64 or 32 bits wide")]
                let index = u64::from(index);
                if self.refuse == Some(index) {
                    return EINVAL;
                }
                self.placed.push(index);
                0
            }
            XENMEM_remove_from_physmap => {
                self.removed += 1;
                0
            }
            _ => ENOSYS,
        }
    }
}

/// A page that is counted.
#[derive(Debug)]
pub(super) struct TestPage<'w> {
    world: &'w World,
    at: usize,
    pub(super) frame: u64,
}

impl core::fmt::Debug for World {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("World")
    }
}

// SAFETY: each has memory of its own.
unsafe impl Page for TestPage<'_> {
    fn frame(&self) -> xen_pfn_t {
        xen_pfn_t(self.frame as _)
    }

    fn address(&self) -> NonNull<u8> {
        self.world.at(2 * ROOM + self.at)
    }
}

impl Drop for TestPage<'_> {
    fn drop(&mut self) {
        assert!(self.world.live[self.at].swap(false, Relaxed), "dropped twice");
    }
}

pub(super) fn peer() -> DomainId {
    DomainId::new(domid_t(7)).unwrap()
}

/// For tests in which a grant is to be ended: it must be possible.
pub(super) fn ended<'t, P>(
    result: Result<(crate::gnttab::FreeRef<'t, P>, P), Revoking<'t, P>>,
) -> (crate::gnttab::FreeRef<'t, P>, P) {
    result.unwrap_or_else(|_| panic!("still in use"))
}
