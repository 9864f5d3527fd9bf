//! Linux's block back end: sectors are written, read back and compared.

use alloc::vec::Vec;

use xen_guest::backend::Backend;
use xen_guest::println;
use xen_io::EventChannel as _;
use xen_io::block::setup::{self, Features, Geometry, Queue};
use xen_io::block::{Direction, Front, Segment, Status};
use xen_io::xen_abi::io::xenbus::{
    XenbusStateConnected, XenbusStateInitWait, XenbusStateInitialised,
};
use xen_io::xen_ops::DomainId;
use xen_io::xen_ops::events::Port;
use xen_io::xen_ops::page::PAGE_SIZE;
use xen_io::xenbus::End;

use crate::machine::{Channel, Machine, Store, close};
use crate::table::{self, Page, Table};

/// The number of the first disk.
pub(crate) const DEVICE: u32 = 51712;
/// Pages in a request: more than a ring's entry names.
const BATCH: usize = 16;
/// Requests.
const ROUNDS: u64 = 8;

/// A disk that is connected.
pub(crate) struct Disk<'m> {
    pub(crate) front: Front<Page<'m>, ()>,
    pub(crate) events: Channel<'m>,
    pub(crate) back: DomainId,
    features: Features,
    pub(crate) geometry: Geometry,
    /// Closed when the disk is dropped.
    _port: Port<Backend>,
}

impl<'m> Disk<'m> {
    /// Connects the disk that the toolstack has attached.
    pub(crate) fn connect(machine: &'m Machine, table: &'m Table, store: &mut Store<'_>) -> Self {
        let end = End::frontend(store, "vbd", DEVICE).expect("a disk");
        let back = DomainId::new(end.other_domain()).expect("a domain");
        end.wait_for(store, XenbusStateInitWait, None).expect("a back end");
        let features = Features::of_other(&end, store).expect("features");

        let ring = table::grant(table, machine, back);
        let port = Port::alloc_unbound(machine.xen(), back).expect("a port");
        let events = machine.channel(port.number());
        let queue = Queue { ring: [ring.reference()].into(), port: port.number() };
        let front = Front::<_, ()>::new(ring).map_err(|failed| failed.error).expect("a ring");
        setup::publish_frontend(&end, store, false, &[queue]).expect("the queue");
        end.set_state(store, XenbusStateInitialised).expect("the state");
        end.wait_for(store, XenbusStateConnected, None).expect("a connection");
        let geometry = Geometry::of_other(&end, store).expect("the geometry");
        end.set_state(store, XenbusStateConnected).expect("the state");
        Self { front, events, back, features, geometry, _port: port }
    }

    /// Asks for pages to be read from the disk, from `sector` on, or written to it.
    pub(crate) fn submit(&mut self, direction: Direction, sector: u64, segments: &[Segment]) {
        let submitted = match direction {
            Direction::Read => self.front.read(sector, segments, ()),
            Direction::Write => self.front.write(sector, segments, ()),
        };
        submitted.map_err(|failed| failed.error).expect("a request");
    }

    /// Waits for the request that was submitted.
    pub(crate) fn finish(&mut self) -> Status {
        if self.front.push() {
            self.events.notify().expect("an event");
        }
        loop {
            if let Some(completion) = self.front.complete().expect("a response") {
                return completion.status;
            }
            if !self.front.final_check().expect("an index") {
                self.events.wait(None).expect("an event");
            }
        }
    }
}

/// The tokens of a disk's watches.
pub(crate) const TOKEN: &str = "vbd";

pub(crate) fn run(machine: &Machine, table: &Table) {
    let mut store = machine.store();
    let end = End::frontend(&mut store, "vbd", DEVICE).expect("a disk");
    end.watch(&mut store, TOKEN).expect("watches");
    let mut disk = Disk::connect(machine, table, &mut store);
    let (features, geometry) = (disk.features, disk.geometry);
    println!("disk takes {} segments", features.max_indirect_segments);
    println!("disk sectors {} of {} bytes", geometry.sectors, geometry.sector_size);

    let grant = || table::grant(table, machine, disk.back);
    let pages: Vec<Page<'_>> = (0..BATCH).map(|_| grant()).collect();
    let list = grant();
    let segments: Vec<Segment> = pages.iter().map(|page| Segment::page(page.reference())).collect();
    let mut sums = [0xcbf2_9ce4_8422_2325_u64; 2];
    for (sum, direction) in sums.iter_mut().zip([Direction::Write, Direction::Read]) {
        for round in 0..ROUNDS {
            for (index, page) in pages.iter().enumerate() {
                let bytes = match direction {
                    Direction::Write => pattern(round * BATCH as u64 + index as u64),
                    Direction::Read => [0; PAGE_SIZE],
                };
                page.view().write(0, &bytes).expect("a page");
                *sum = add(*sum, if direction == Direction::Write { &bytes } else { &[] });
            }
            let sector = round * (BATCH * PAGE_SIZE / 512) as u64;
            // In one request, or in two whose segments fit the ring's entry.
            if features.max_indirect_segments >= BATCH as u32 {
                let list = (list.reference(), list.view());
                disk.front
                    .transfer_indirect(direction, sector, &segments, list, ())
                    .expect("a request");
                assert_eq!(disk.finish(), Status::Okay, "round {round}");
            } else {
                for (half, segments) in segments.chunks(BATCH / 2).enumerate() {
                    let sector = sector + half as u64 * (BATCH / 2 * PAGE_SIZE / 512) as u64;
                    disk.submit(direction, sector, segments);
                    assert_eq!(disk.finish(), Status::Okay, "round {round}");
                }
            }
            if direction == Direction::Read {
                for page in &pages {
                    let mut bytes = [0; PAGE_SIZE];
                    page.view().read(0, &mut bytes).expect("a page");
                    *sum = add(*sum, &bytes);
                }
            }
        }
    }
    println!("disk wrote {:#x}, read {:#x}: {}", sums[0], sums[1], sums[0] == sums[1]);
    if features.flush {
        disk.front.flush(()).map_err(|failed| failed.error).expect("a request");
        println!("disk flushed {:?}", disk.finish());
    }
    // Past the end: Linux refuses it, and the device goes on.
    disk.submit(Direction::Read, geometry.sectors, &segments[..1]);
    println!("disk past the end {:?}", disk.finish());

    close(&end, &mut store);
    end.unwatch(&mut store, TOKEN).expect("the watches");
    // Every page comes back.
    let mut returned = 0;
    for page in pages.into_iter().chain([list, disk.front.detach().0]) {
        returned += u32::from(page.revoke().is_ok());
    }
    println!("disk closed, {returned} pages returned");
}

/// The contents of a page of the disk.
fn pattern(page: u64) -> [u8; PAGE_SIZE] {
    core::array::from_fn(|at| (page * 31 + at as u64 * 7 + (at as u64 >> 8)) as u8)
}

/// FNV-1a over more bytes.
fn add(sum: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(sum, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
