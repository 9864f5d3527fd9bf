//! The guest, which does all it can do and checks that every promise is kept.

#![allow(unsafe_code, reason = "is a guest's memory")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use xen_abi::grant_table::{GTF_reading, GTF_writing, grant_ref_t};
use xen_abi::memory::xen_reserved_device_memory;
use xen_abi::xen::{DOMID_SELF, domid_t, xen_pfn_t};
use xen_ops::gnttab::copy::{self, Dest, Segment, Source, copy_each_with_retry};
use xen_ops::gnttab::map::{self, Slot};
use xen_ops::gnttab::retry::Backoff;
use xen_ops::gnttab::{BitmapLine, Config, TableFrames, TableStorage, Version, VersionPolicy};
use xen_ops::hypercall::{Error, Hypercall, grant_table_op};
use xen_ops::memory;
use xen_ops::page::{MapTarget, PAGE_SIZE, Page};
use xen_ops::{DomainId, GrantTable, Granted, Mapping, ReadWrite, RemoteGrant};

use crate::bytes::Bytes;
use crate::hostile::Hostile;

/// The domain on the other side.
const PEER: DomainId = match DomainId::new(domid_t(1)) {
    Ok(peer) => peer,
    Err(_) => panic!("1 is the number of an ordinary domain"),
};

const FRAMES: u32 = 4;
const PAGES: usize = 24;

#[repr(align(4096))]
struct Frame([AtomicU32; PAGE_SIZE / 4]);

impl Frame {
    const fn new() -> Self {
        Self([const { AtomicU32::new(0) }; PAGE_SIZE / 4])
    }

    fn address(&self) -> NonNull<u8> {
        NonNull::from(&self.0).cast()
    }
}

/// The guest's memory: its table, and pages to grant.
struct Memory {
    shared: [Frame; FRAMES as usize],
    status: [Frame; 1],
    pages: [Frame; PAGES],
    /// Pages that are free.
    spare: RefCell<Vec<usize>>,
    /// References under which a page is granted that has not been returned.
    granted: RefCell<BTreeSet<u32>>,
}

/// A page, with the reference that it was granted under last.
struct OwnPage<'m> {
    memory: &'m Memory,
    index: usize,
    under: RefCell<Option<u32>>,
}

// SAFETY: a frame of the guest's that belongs to this value, since it is not spare.
unsafe impl Page for OwnPage<'_> {
    fn frame(&self) -> xen_pfn_t {
        xen_pfn_t(self.index as _)
    }

    fn address(&self) -> NonNull<u8> {
        self.memory.pages[self.index].address()
    }
}

impl Drop for OwnPage<'_> {
    fn drop(&mut self) {
        if let Some(reference) = self.under.take() {
            self.memory.granted.borrow_mut().remove(&reference);
        }
        self.memory.spare.borrow_mut().push(self.index);
    }
}

struct Table<'m>(&'m Memory);

// SAFETY: the frames are there all the time, whatever the hypervisor says.
unsafe impl TableFrames for Table<'_> {
    fn capacity(&self) -> u32 {
        FRAMES
    }

    fn shared(&self) -> NonNull<u8> {
        self.0.shared[0].address()
    }

    fn status(&self) -> Option<NonNull<u8>> {
        Some(self.0.status[0].address())
    }

    fn attach<X: Hypercall>(&mut self, xen: &X, _: Version, new: Range<u32>) -> Result<(), Error> {
        let mut frames = vec![xen_pfn_t(0); new.end as usize];
        grant_table_op::setup_table(xen, DOMID_SELF, &mut frames)
    }
}

/// A target, which must not be returned while something is mapped there.
struct Place<'h, 'b> {
    xen: &'h Hostile<'b>,
    address: u64,
    page: Box<Frame>,
}

// SAFETY: a number of its own, and a page of its own in place of what is mapped.
unsafe impl MapTarget for Place<'_, '_> {
    fn host_addr(&self) -> u64 {
        self.address
    }

    fn address(&self) -> NonNull<u8> {
        self.page.address()
    }
}

impl Drop for Place<'_, '_> {
    fn drop(&mut self) {
        let mapped = self.xen.mapped.borrow().contains(&self.address);
        assert!(!mapped, "the target {:#x} is free though something is mapped there", self.address);
    }
}

/// Performs operations of a guest on a hypervisor whose answers and actions `bytes` decide.
///
/// # Panics
///
/// If an invariant is broken.
pub fn hypervisor(bytes: &[u8]) {
    let bytes = Bytes::new(bytes);
    let xen = Hostile::new(&bytes);
    let memory = Memory {
        shared: [const { Frame::new() }; FRAMES as usize],
        status: [const { Frame::new() }; 1],
        pages: [const { Frame::new() }; PAGES],
        spare: RefCell::new((0..PAGES).collect()),
        granted: RefCell::new(BTreeSet::new()),
    };
    let mut lines: [BitmapLine; 2 * FRAMES as usize] = std::array::from_fn(|_| BitmapLine::new());
    let mut slots = [const { xen_ops::gnttab::ReaperSlot::new() }; 6];
    let room = TableStorage::new(&mut lines, &mut slots);
    let version = match bytes.byte() % 3 {
        0 => VersionPolicy::V1,
        1 => VersionPolicy::V2,
        _ => VersionPolicy::PreferV2,
    };
    let config = Config { version, ..Config::default() };
    // SAFETY: this is all that uses the table.
    let Ok(table) = (unsafe { GrantTable::start(&xen, Table(&memory), room, config) }) else {
        return;
    };
    let mut guest = Guest { bytes: &bytes, xen: &xen, memory: &memory, next: 1 << 20 };
    guest.live(&table);
}

struct Guest<'g, 'b> {
    bytes: &'b Bytes<'b>,
    xen: &'g Hostile<'b>,
    memory: &'g Memory,
    /// The next target's address.
    next: u64,
}

type Grant<'t, 'm> = Granted<'t, OwnPage<'m>>;
type Mapped<'g, 'b> = Mapping<&'g Hostile<'b>, Place<'g, 'b>, ReadWrite>;

impl<'g, 'b> Guest<'g, 'b> {
    fn live(&mut self, table: &GrantTable<'_, &'g Hostile<'b>, Table<'g>, OwnPage<'g>>) {
        let mut grants: Vec<Grant<'_, 'g>> = Vec::new();
        let mut mapped: Vec<Mapped<'g, 'b>> = Vec::new();
        while !self.bytes.is_empty() {
            match self.bytes.byte() % 12 {
                0..=2 => self.grant(table, &mut grants),
                3 => self.revoke(table.version(), &mut grants),
                4 => drop(self.any(&mut grants)),
                5 => drop(table.reap(self.bytes.byte().into())),
                6 => self.take(table),
                7 => mapped.extend(self.map()),
                8 => drop(self.any(&mut mapped).map(Mapping::unmap)),
                9 => self.batch(),
                10 => self.memory(),
                _ => self.interfere(),
            }
        }
    }

    /// One of `things`, if there is one.
    fn any<T>(&self, things: &mut Vec<T>) -> Option<T> {
        let index = usize::from(self.bytes.byte()).checked_rem(things.len())?;
        Some(things.swap_remove(index))
    }

    /// A reference that was handed out must not be in use already.
    fn check_new(&self, reference: grant_ref_t) {
        assert!(reference.0 >= 8, "{} is reserved", reference.0);
        let live = self.memory.granted.borrow().contains(&reference.0);
        assert!(!live, "{} is handed out again while it is granted", reference.0);
    }

    fn grant<'t>(
        &self,
        table: &'t GrantTable<'_, &'g Hostile<'b>, Table<'g>, OwnPage<'g>>,
        grants: &mut Vec<Grant<'t, 'g>>,
    ) {
        let Some(index) = self.memory.spare.borrow_mut().pop() else { return };
        let page = OwnPage { memory: self.memory, index, under: RefCell::new(None) };
        let Ok(free) = table.alloc() else { return };
        self.check_new(free.reference());
        page.under.replace(Some(free.reference().0));
        self.memory.granted.borrow_mut().insert(free.reference().0);
        grants.extend(free.grant(PEER, page, ReadWrite).ok());
    }

    fn revoke(&self, version: Version, grants: &mut Vec<Grant<'_, 'g>>) {
        let Some(granted) = self.any(grants) else { return };
        let reference = granted.reference();
        let in_use =
            self.word(version, reference.0).load(Relaxed) & self.in_use(version, reference.0) != 0;
        match granted.revoke() {
            Ok(_) => assert!(!in_use, "{} was in use when it was revoked", reference.0),
            Err(revoking) => drop(revoking.retry()),
        }
    }

    /// References that are not used for anything.
    fn take(&self, table: &GrantTable<'_, &'g Hostile<'b>, Table<'g>, OwnPage<'g>>) {
        let count = self.bytes.byte();
        if let Ok(run) = table.alloc_run(count.into()) {
            run.for_each(|free| self.check_new(free.reference()));
        }
        let mut refs = [grant_ref_t(0); 16];
        if let Ok(mut pool) = table.preallocate(&mut refs[..usize::from(count % 16)]) {
            while let Some(free) = pool.claim() {
                self.check_new(free.reference());
            }
        }
    }

    fn map(&mut self) -> Option<Mapped<'g, 'b>> {
        let (grant, place) = (self.remote(), self.place());
        Mapping::with_retry(self.xen, grant, place, ReadWrite, &mut retry()).ok()
    }

    fn remote(&self) -> RemoteGrant {
        RemoteGrant::new(PEER, grant_ref_t(self.bytes.byte().into()))
    }

    fn place(&mut self) -> Place<'g, 'b> {
        self.next += PAGE_SIZE as u64;
        Place { xen: self.xen, address: self.next, page: Box::new(Frame::new()) }
    }

    fn batch(&mut self) {
        let count = usize::from(self.bytes.byte() % 6);
        let mut slots: Vec<_> =
            (0..count).map(|_| Slot::new(self.remote(), self.place(), ReadWrite)).collect();
        let mut elements = map::elements::<5>();
        if self.bytes.is_kind() {
            let _ = map::map_all_with_retry(self.xen, &mut slots, &mut elements, &mut retry());
        } else {
            let _ = map::map_each_with_retry(self.xen, &mut slots, &mut elements, &mut retry());
        }
        let _ = map::unmap_each(&mut slots, &mut map::unmap_elements::<5>());
        let ends = (0..count).filter_map(|_| {
            let at = |bytes: &Bytes<'_>| usize::from(bytes.byte()) * 17;
            let (from, to) = (at(self.bytes), at(self.bytes));
            let (source, dest) = (Source::grant(self.remote()), Dest::grant(self.remote()));
            Segment::new(source, from, dest, to, at(self.bytes)).ok()
        });
        let mut segments: Vec<_> = ends.collect();
        let _ =
            copy_each_with_retry(self.xen, &mut segments, &mut copy::elements::<5>(), &mut retry());
    }

    fn memory(&self) {
        let mut frames = [1, 2, 3].map(xen_pfn_t);
        let mut errs = [0; 3];
        let room = &mut [xen_reserved_device_memory::ZERO; 2];
        // SAFETY: these numbers stand for no memory, and this hypervisor maps nothing.
        unsafe {
            let flags = memory::MemFlags::ANY;
            let _ = memory::populate_exactly(self.xen, DOMID_SELF, 0, flags, &mut frames);
            let resource = memory::acquire::Resource::GrantTable { status: false };
            let _ = memory::acquire::map(self.xen, domid_t(1), resource, 0, &mut frames);
            let space = memory::BatchSpace::Gmfn;
            let placed = memory::add_to_physmap_batch(
                self.xen,
                DOMID_SELF,
                space,
                &[1, 2, 3],
                &frames,
                &mut errs,
            );
            let _ = (placed.failures().count(), placed.complete());
        }
        let mut entries = [memory::E820Entry::new(0, 0, memory::E820Kind(0)); 3];
        let _ = memory::memory_map(self.xen, &mut entries).map(|map| map.entries.len());
        let _ = memory::reserved_device_memory_map(self.xen, memory::Devices::All, room);
        let _ = memory::vnuma_sizes(self.xen, domid_t(1));
        let _ = memory::maximum_gpfn(self.xen, DOMID_SELF);
    }

    /// The hypervisor changes in-use bits, or anything.
    fn interfere(&self) {
        let reference = u32::from(self.bytes.byte());
        let version = if self.bytes.is_kind() { Version::V1 } else { Version::V2 };
        let word = self.word(version, reference);
        if self.bytes.is_kind() {
            word.fetch_xor(self.in_use(version, reference), Relaxed);
        } else {
            word.store(self.bytes.number() as u32, Relaxed);
        }
    }

    /// The word that has the in-use bits of a reference.
    fn word(&self, version: Version, reference: u32) -> &AtomicU32 {
        let (frames, at) = match version {
            Version::V1 => (&self.memory.shared[..], reference as usize * 2),
            Version::V2 => (&self.memory.status[..], reference as usize / 2),
        };
        let words = PAGE_SIZE / 4;
        &frames[at / words % frames.len()].0[at % words]
    }

    /// Those bits.
    fn in_use(&self, version: Version, reference: u32) -> u32 {
        let bits = u32::from((GTF_reading | GTF_writing).bits());
        match version {
            Version::V2 if reference % 2 == 1 => bits << 16,
            _ => bits,
        }
    }
}

/// As often as Linux tries again, without its pauses.
fn retry() -> Backoff<impl FnMut(Duration)> {
    Backoff::new(|_| ())
}
