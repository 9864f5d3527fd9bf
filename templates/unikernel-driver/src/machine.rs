//! What the driver needs of this kernel: memory, pages and grants, event channels, and xenstore.

use core::time::Duration;

use linked_list_allocator::LockedHeap;
use xen_guest::backend::Backend;
use xen_guest::xen_abi::event_channel::evtchn_port_t;
use xen_guest::xen_ops::events::EventChannel;
use xen_guest::xen_ops::gnttab::Storage;
use xen_guest::xen_ops::hypercall::{Error, event_channel_op, sched_op};
use xen_guest::xen_ops::page::PAGE_SIZE;
use xen_guest::xen_ops::{GrantTable, View};
use xen_guest::{GrantFrames, Guest, GuestPage, PagePool, PageStorage, SharedInfo};
use xen_io::xenstore::Client;
use xen_io::xenstore::transport::RingTransport;

#[global_allocator]
static HEAP: LockedHeap = LockedHeap::empty();

/// The heap's memory, the kernel's pages, and the memory for the state of its grant table.
const HEAP_PAGES: usize = 64;
static HEAP_MEMORY: [PageStorage; HEAP_PAGES] = [const { PageStorage::ZERO }; HEAP_PAGES];
static POOL: PagePool<16> = PagePool::new();
static STORAGE: Storage<GuestPage, 4, 16> = Storage::new();

pub type Grants = GrantTable<'static, Backend, GrantFrames, GuestPage>;

/// This kernel.
pub struct Machine {
    guest: Guest,
    shared_info: SharedInfo,
}

impl Machine {
    /// The kernel, once.
    pub fn new(guest: Guest) -> Self {
        let memory = HEAP_MEMORY[0].address();
        // SAFETY: memory of the image that nothing else uses.
        unsafe { HEAP.lock().init(memory.as_ptr(), HEAP_PAGES * PAGE_SIZE) };
        let page = POOL.take(&guest).expect("a page");
        let shared_info = SharedInfo::map(&guest, page).expect("the shared information page");
        Self { guest, shared_info }
    }

    pub fn xen(&self) -> Backend {
        self.guest.xen()
    }

    /// A page of the kernel's own.
    pub fn page(&self) -> GuestPage {
        POOL.take(&self.guest).expect("a page: make the pool larger")
    }

    /// The domain's grant table, once.
    pub fn grant_table(&self) -> Grants {
        let frames = GrantFrames::new::<4, 16>(&self.guest, &POOL).expect("space for the table");
        let storage = STORAGE.take().expect("the storage, which nothing else takes");
        // SAFETY: nothing else in this kernel uses the domain's grant table.
        let table = unsafe { GrantTable::start(self.xen(), frames, storage, Default::default()) };
        table.expect("a grant table")
    }

    /// The event channel of a port.
    pub fn channel(&self, port: evtchn_port_t) -> Channel<'_> {
        Channel { machine: self, port }
    }

    /// A connection to xenstore. There is one at a time.
    pub fn store(&self) -> Client<RingTransport<'_, Channel<'_>>> {
        let (page, port) = self.guest.store_ring().expect("xenstore");
        // SAFETY: the toolstack has put the ring there, and this is the only access to it.
        let page = unsafe { View::new(page) };
        Client::new(RingTransport::attach(page, self.channel(port)).expect("a connection"))
    }
}

/// A port whose other side is bound, and on which the kernel waits.
pub struct Channel<'m> {
    machine: &'m Machine,
    port: evtchn_port_t,
}

impl EventChannel for Channel<'_> {
    type Error = Error;

    fn notify(&self) -> Result<(), Error> {
        event_channel_op::send(&self.machine.xen(), self.port)
    }

    /// Without a limit: the vCPU sleeps until there is an event.
    fn wait(&self, _: Option<Duration>) -> Result<bool, Error> {
        while !self.machine.shared_info.events().take(self.port).unwrap_or(false) {
            sched_op::poll(&self.machine.xen(), &[self.port], 0)?;
        }
        Ok(true)
    }
}
