//! A block device between two domains: the guest writes sectors, reads them back and compares, the driver
//! domain serves them from memory.
//!
//!     cargo run --example block_device

use std::convert::Infallible;
use std::error::Error;
use std::thread;
use std::time::Duration;

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::grant_table::grant_ref_t;
use xen_io::block::{Back, CopyGrants, Front, SECTOR_SIZE, Segment, Status, Storage};
use xen_io::ring::protocols::Blkif;
use xen_ops::events::Port;
use xen_ops::page::PAGE_SIZE;
use xen_ops::{DomainId, Mapping, ReadWrite, RemoteGrant};
use xen_sim::{Domain, DomainConfig, GuestKind, TableMemory, Xen};

/// Pages of the disk, and how many of them each request has.
const PAGES: usize = 256;
const BATCH: usize = 8;

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

/// What the guest tells the driver domain, through xenstore on a real machine.
#[derive(Clone, Copy)]
struct Offer {
    guest: DomainId,
    ring: grant_ref_t,
    port: evtchn_port_t,
}

/// The driver domain serves requests until none comes.
fn driver(domain: &Domain, offer: Offer) -> Result<u32, AnyError> {
    let port = Port::bind_interdomain(domain, offer.guest, offer.port)?;
    let ring = RemoteGrant::new(offer.guest, offer.ring);
    let ring = Mapping::new(domain, ring, domain.target(), ReadWrite)?;
    let grants = CopyGrants::new(domain, offer.guest, domain.page().ok_or("no page")?);
    let disk = Memory(vec![0; PAGES * PAGE_SIZE]);
    let mut back =
        Back::<Blkif, _, _, _>::attach(ring, grants, disk).map_err(|failed| failed.error)?;
    let mut requests = 0;
    loop {
        let served = back.serve()?;
        requests += served.requests;
        if served.notify {
            port.notify()?;
        }
        if !back.final_check()? && !domain.wait(port.number(), Duration::from_secs(1)) {
            return Ok(requests);
        }
    }
}

/// The byte at this offset of page `page` of the disk.
fn pattern(page: usize, offset: usize) -> u8 {
    (page * 31 + offset * 7 % 251) as u8
}

fn main() -> Result<(), AnyError> {
    let xen = Xen::new();
    let guest = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
    let server = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
    println!("the guest is {}, the driver domain is {}", guest.domid(), server.domid());

    // The guest grants the page of the ring and a buffer, and allocates a port.
    let mut storage = TableMemory::new(64, 16);
    let table = guest.grant_table(&mut storage, Default::default())?;
    let ring = table.grant_zeroed(server.domid(), &guest, ReadWrite)?;
    let port = Port::alloc_unbound(&guest, server.domid())?;
    let mut free = Vec::new();
    for _ in 0..2 * BATCH {
        free.push(table.grant_zeroed(server.domid(), &guest, ReadWrite)?);
    }
    let offer = Offer { guest: guest.domid(), ring: ring.reference(), port: port.number() };
    let mut front = Front::<_, _>::new(ring).map_err(|failed| failed.error)?;

    thread::scope(|scope| {
        let driver = scope.spawn(|| driver(&server, offer));

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
                port.notify()?;
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
            if front.outstanding() > 0
                && !front.final_check()?
                && !guest.wait(port.number(), Duration::from_secs(60))
            {
                return Err("the driver domain does not answer".into());
            }
        }
        println!("{writes} writes and {reads} reads of {BATCH} pages: {PAGES} pages are the same");

        let requests = driver.join().map_err(|_| "the driver domain panicked")??;
        println!("the driver domain served {requests} requests");
        Ok::<(), AnyError>(())
    })?;

    // Nothing of the guest's is in use any more, so every page comes back.
    let (ring, _) = front.detach();
    drop(free);
    let (_reference, _page) = ring.revoke().map_err(|revoking| revoking.to_string())?;
    xen.check_invariants()?;
    println!("all pages are the guest's own again");
    Ok(())
}
