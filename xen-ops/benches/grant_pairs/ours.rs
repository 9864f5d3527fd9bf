//! Ours: a table of version 1, on a hypervisor that says yes.

use std::ptr::NonNull;

use xen_ops::gnttab::{
    BitmapLine, Config, FrameRange, GrantTable, Granted, ReaperSlot, Storage, Translated,
    revoke_all,
};
use xen_ops::hypercall::Hypercall;
use xen_ops::page::{PAGE_SIZE, Page};
use xen_ops::xen_abi::errno::XEN_ENOSYS;
use xen_ops::xen_abi::grant_table::{GNTTABOP_query_size, gnttab_query_size};
use xen_ops::xen_abi::xen::{__HYPERVISOR_grant_table_op, domid_t, xen_pfn_t};
use xen_ops::{DomainId, ReadWrite};

use super::{BATCH, Contestant, ENTRIES, table};

const FRAMES: usize = ENTRIES / 512;
const DEFERRED: usize = 32;

static STORAGE: Storage<Numbered, FRAMES, DEFERRED> = Storage::new();

pub(super) struct Ours {
    table: GrantTable<'static, Yes, Translated, Numbered>,
    peer: DomainId,
}

impl Ours {
    pub(super) fn new() -> Self {
        let address = NonNull::new(table().cast()).expect("allocated");
        // SAFETY: there is so much memory, and nothing else uses it.
        let frames =
            unsafe { Translated::new(FrameRange { address, frame: xen_pfn_t(0) }, FRAMES as u32) };
        let storage = STORAGE.take().expect("there is one table");
        let config = Config { initial_frames: FRAMES as u32, ..Config::default() };
        // SAFETY: nothing else uses the table.
        let table = unsafe { GrantTable::start(Yes, frames, storage, config) };
        let peer = DomainId::new(domid_t(7)).expect("a domain");
        Self { table: table.expect("the hypervisor says yes"), peer }
    }
}

impl Contestant for Ours {
    fn pairs(&self, thread: usize, pairs: usize) {
        let mut cpu = self.table.per_cpu(thread);
        for n in 0..pairs {
            let granted = cpu.grant(self.peer, Numbered(n as u32), ReadWrite);
            let _: Numbered = cpu.revoke(granted.expect("enough")).expect("not in use");
        }
    }

    fn shared_pairs(&self, _thread: usize, pairs: usize) {
        for n in 0..pairs {
            let page = Numbered(n as u32);
            let granted = self.table.grant(self.peer, page, ReadWrite);
            drop(granted.expect("enough").revoke().expect("not in use"));
        }
    }

    fn batches(&self, thread: usize, batches: usize) {
        let mut cpu = self.table.per_cpu(thread);
        let mut slots: [Option<Granted<'_, Numbered>>; BATCH] = [const { None }; BATCH];
        for _ in 0..batches {
            let mut pages = (0..BATCH as u32).map(Numbered);
            let granted = cpu.grant_all(self.peer, &mut pages, ReadWrite, &mut slots);
            assert_eq!(granted.expect("enough"), BATCH);
            assert_eq!(revoke_all(&mut slots, drop).done, BATCH);
        }
    }

    fn bytes_per_reference(&self) -> f64 {
        let references = FRAMES * 512;
        let lines = references / 256 * size_of::<BitmapLine>();
        (lines + DEFERRED * size_of::<ReaperSlot<Numbered>>()) as f64 / references as f64
    }
}

/// A page that is nothing but its number.
#[derive(Debug)]
struct Numbered(u32);

#[repr(align(4096))]
struct Bytes([u8; PAGE_SIZE]);

static BYTES: Bytes = Bytes([0; PAGE_SIZE]);

// SAFETY: nothing here reads or writes a page, and there is no peer.
unsafe impl Page for Numbered {
    fn frame(&self) -> xen_pfn_t {
        xen_pfn_t(self.0.into())
    }

    fn address(&self) -> NonNull<u8> {
        NonNull::from(&BYTES.0).cast()
    }
}

/// A hypervisor that knows version 1 alone and lets a table grow.
struct Yes;

// SAFETY: the table's memory is there already, so that nothing remains to be done.
unsafe impl Hypercall for Yes {
    unsafe fn call(&self, number: u32, [command, argument, ..]: [usize; 5]) -> isize {
        if number != __HYPERVISOR_grant_table_op {
            return 0;
        }
        if command != GNTTABOP_query_size as usize {
            return -(XEN_ENOSYS.0 as isize);
        }
        let size = std::ptr::with_exposed_provenance_mut::<gnttab_query_size>(argument);
        // SAFETY: the caller's promise.
        unsafe {
            (*size).nr_frames = FRAMES as u32;
            (*size).max_nr_frames = FRAMES as u32;
            (*size).status.0 = 0;
        }
        0
    }
}
