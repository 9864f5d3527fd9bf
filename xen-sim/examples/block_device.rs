//! A block device between two domains, which agree through xenstore: the guest writes sectors, reads them
//! back and compares, the driver domain serves them from memory. The guest uses the same pages again and
//! again, and the driver domain keeps them mapped.
//!
//!     cargo run --example block_device

use std::convert::Infallible;
use std::error::Error;
use std::thread;
use std::time::Duration;

use xen_abi::io::xenbus::{
    XenbusStateClosed, XenbusStateClosing, XenbusStateConnected, XenbusStateInitWait,
    XenbusStateInitialised,
};
use xen_io::block::setup::{self, Features, Geometry, Queue};
use xen_io::block::{Back, Front, SECTOR_SIZE, Segment, Status, Storage};
use xen_io::ring::protocols::Blkif;
use xen_io::xenbus::End;
use xen_io::xenbus::toolstack::Device;
use xen_io::{EventChannel, PersistentGrants};
use xen_ops::events::Port;
use xen_ops::page::PAGE_SIZE;
use xen_ops::{DomainId, Mapping, ReadWrite, RemoteGrant};
use xen_sim::{Channel, Domain, DomainConfig, GuestKind, TableMemory, Xen};

/// Pages of the disk, and how many of them each request has.
const PAGES: usize = 256;
const BATCH: usize = 8;

/// The number of the device: the first disk.
const DEVICE: u32 = 51712;
/// How long an end waits for the other.
const TIMEOUT: Option<Duration> = Some(Duration::from_secs(60));

type AnyError = Box<dyn Error + Send + Sync>;

/// The disk.
struct Memory(Vec<u8>);

impl Storage for Memory {
    type Error = Infallible;

    fn sectors(&self) -> u64 {
        (self.0.len() / SECTOR_SIZE) as u64
    }

    fn read(&mut self, sector: u64, to: &mut [u8]) -> Result<(), Infallible> {
        let start = sector as usize * SECTOR_SIZE;
        to.copy_from_slice(&self.0[start..start + to.len()]);
        Ok(())
    }

    fn write(&mut self, sector: u64, from: &[u8]) -> Result<(), Infallible> {
        let start = sector as usize * SECTOR_SIZE;
        self.0[start..start + from.len()].copy_from_slice(from);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// The driver domain serves requests until the guest closes the device, and returns how many.
fn driver(domain: &Domain, guest: DomainId) -> Result<u32, AnyError> {
    let mut disk = Memory(vec![0; PAGES * PAGE_SIZE]);
    let mut store = domain.xenstore()?;
    let end = End::backend(&mut store, "vbd", guest, DEVICE)?;
    end.watch(&mut store, "vbd")?;
    let features = Features { max_queues: 1, ..Features::ALL };
    features.publish(&end, &mut store)?;
    Geometry::of_sectors(disk.sectors()).publish(&end, &mut store)?;
    end.set_state(&mut store, XenbusStateInitWait)?;
    end.wait_for(&mut store, XenbusStateInitialised, TIMEOUT)?.ok_or("no front end")?;

    let queues = setup::other_queues(&end, &mut store, &features)?;
    let [queue] = &queues[..] else { return Err("one queue was offered".into()) };
    let port = Port::bind_interdomain(domain, guest, queue.port)?;
    let events = Channel::of(domain, &port);
    let mut ring = Vec::new();
    for grant in &queue.ring {
        let remote = RemoteGrant::new(guest, *grant);
        ring.push(Mapping::new(domain, remote, domain.target(), ReadWrite)?);
    }
    let targets = (0..2 * BATCH).map(|_| domain.target());
    let grants = PersistentGrants::new(domain, guest, targets);
    let mut back = Back::<Blkif, _, _>::attach(ring, grants).map_err(|failed| failed.error)?;
    end.set_state(&mut store, XenbusStateConnected)?;

    let mut requests = 0;
    loop {
        let served = back.serve(&mut disk)?;
        requests += served.requests;
        if served.notify {
            events.notify()?;
        }
        if !back.final_check()?
            && !events.wait(Some(Duration::from_millis(100)))?
            && end.other_is_closing(&mut store)?
        {
            break;
        }
    }
    // The guest's pages are its own again before it learns that the device is closed.
    drop(back);
    end.set_state(&mut store, XenbusStateClosed)?;
    Ok(requests)
}

/// The byte at this offset of page `page` of the disk.
fn pattern(page: usize, offset: usize) -> u8 {
    (page * 31 + offset * 7 % 251) as u8
}

fn main() -> Result<(), AnyError> {
    let xen = Xen::builder().xenstore().build();
    let guest = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
    let server = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
    println!("the guest is {}, the driver domain is {}", guest.domid(), server.domid());
    let (frontend, backend) = (guest.domid().into(), server.domid().into());
    let device = Device::new("vbd", DEVICE, frontend, backend);
    xen.toolstack(|store| device.create(store, &[], &[("mode", "w")])).ok_or("no xenstore")??;

    thread::scope(|scope| {
        let driver = scope.spawn(|| {
            let report = |error: &AnyError| eprintln!("the driver domain: {error}");
            driver(&server, guest.domid()).inspect_err(report)
        });
        run_guest(&guest)?;
        let requests = driver.join().map_err(|_| "the driver domain panicked")??;
        println!("the driver domain served {requests} requests");
        Ok::<(), AnyError>(())
    })?;
    xen.check_invariants()?;
    println!("all pages are the guest's own again");
    Ok(())
}

/// The guest connects the device, uses it, and closes it.
fn run_guest(guest: &Domain) -> Result<(), AnyError> {
    let mut store = guest.xenstore()?;
    let end = End::frontend(&mut store, "vbd", DEVICE)?;
    let server = DomainId::new(end.other_domain())?;
    end.watch(&mut store, "vbd")?;
    end.wait_for(&mut store, XenbusStateInitWait, TIMEOUT)?.ok_or("no back end")?;
    let features = Features::of_other(&end, &mut store)?;

    // The guest grants the pages of the ring and a buffer, and allocates a port.
    let mut storage = TableMemory::new(64, 16);
    let table = guest.grant_table(&mut storage, Default::default())?;
    let mut ring = Vec::new();
    for _ in 0..1 << features.max_ring_order.min(1) {
        ring.push(table.grant_zeroed(server, guest, ReadWrite)?);
    }
    let port = Port::alloc_unbound(guest, server)?;
    let events = Channel::of(guest, &port);
    let mut free = Vec::new();
    for _ in 0..2 * BATCH {
        free.push(table.grant_zeroed(server, guest, ReadWrite)?);
    }
    let grants = ring.iter().map(|page| page.reference()).collect();
    let queue = Queue { ring: grants, port: port.number() };
    let mut front = Front::<_, _>::new(ring).map_err(|failed| failed.error)?;
    setup::publish_frontend(&end, &mut store, features.persistent, &[queue])?;
    end.set_state(&mut store, XenbusStateInitialised)?;
    end.wait_for(&mut store, XenbusStateConnected, TIMEOUT)?.ok_or("no back end")?;
    println!("the disk has {} sectors", Geometry::of_other(&end, &mut store)?.sectors);
    end.set_state(&mut store, XenbusStateConnected)?;

    // Each request writes or reads a batch of pages. It keeps their grants, and which they are.
    let (mut writes, mut reads) = (0, 0);
    let mut work: Vec<(bool, usize)> = [false, true]
        .into_iter()
        .flat_map(|is_write| (0..PAGES).step_by(BATCH).map(move |page| (is_write, page)))
        .collect();
    while !work.is_empty() || front.outstanding() > 0 {
        // All writes come before the first read.
        while let Some(&(is_write, page)) = work.last() {
            if free.len() < BATCH || !is_write && writes < PAGES / BATCH {
                break;
            }
            work.pop();
            let pages = free.split_off(free.len() - BATCH);
            let segments: Vec<_> =
                pages.iter().map(|granted| Segment::page(granted.reference())).collect();
            let sector = (page * PAGE_SIZE / SECTOR_SIZE) as u64;
            if is_write {
                for (index, granted) in pages.iter().enumerate() {
                    let bytes: Vec<_> =
                        (0..PAGE_SIZE).map(|at| pattern(page + index, at)).collect();
                    granted.view().write(0, &bytes)?;
                }
                front
                    .write(sector, &segments, (true, page, pages))
                    .map_err(|failed| failed.error)?;
            } else {
                front
                    .read(sector, &segments, (false, page, pages))
                    .map_err(|failed| failed.error)?;
            }
        }
        if front.push() {
            events.notify()?;
        }
        while let Some(completion) = front.complete()? {
            let (is_write, page, mut pages) = completion.kept;
            if completion.status != Status::Okay {
                return Err(format!("pages from {page} on: {:?}", completion.status).into());
            }
            for (index, granted) in pages.iter().enumerate().filter(|_| !is_write) {
                let mut bytes = vec![0; PAGE_SIZE];
                granted.view().read(0, &mut bytes)?;
                let is_same = (0..PAGE_SIZE).all(|at| bytes[at] == pattern(page + index, at));
                if !is_same {
                    return Err(format!("page {} differs", page + index).into());
                }
                granted.view().clear();
            }
            *if is_write { &mut writes } else { &mut reads } += 1;
            free.append(&mut pages);
        }
        if front.outstanding() > 0 && !front.final_check()? && !events.wait(TIMEOUT)? {
            return Err("the driver domain does not answer".into());
        }
    }
    println!("{writes} writes and {reads} reads of {BATCH} pages: {PAGES} pages are the same");

    // The driver domain has unmapped everything when it is closed, so every page comes back.
    end.set_state(&mut store, XenbusStateClosing)?;
    end.wait_for(&mut store, XenbusStateClosed, TIMEOUT)?.ok_or("the back end does not close")?;
    end.set_state(&mut store, XenbusStateClosed)?;
    let (ring, _) = front.detach();
    for page in ring.into_iter().chain(free) {
        let (_reference, _page) = page.revoke().map_err(|revoking| revoking.to_string())?;
    }
    Ok(())
}
