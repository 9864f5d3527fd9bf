//! Linux's block back end: sectors are written, read back and compared.

use alloc::vec::Vec;

use xen_guest::println;
use xen_io::EventChannel as _;
use xen_io::block::setup::{self, Features, Geometry, Queue};
use xen_io::block::{Direction, Front, Segment, Status};
use xen_io::xen_abi::io::xenbus::{
    XenbusStateClosed, XenbusStateClosing, XenbusStateConnected, XenbusStateInitWait,
    XenbusStateInitialised,
};
use xen_io::xen_ops::DomainId;
use xen_io::xen_ops::events::Port;
use xen_io::xen_ops::page::PAGE_SIZE;
use xen_io::xenbus::End;

use crate::machine::Machine;
use crate::table::{self, Page};

/// The number of the first disk.
const DEVICE: u32 = 51712;
/// Pages in a request: more than a ring's entry names.
const BATCH: usize = 16;
/// Requests.
const ROUNDS: u64 = 8;

pub(crate) fn run(machine: &Machine) {
    let table = table::start(machine);
    let mut store = machine.store();
    let end = End::frontend(&mut store, "vbd", DEVICE).expect("a disk");
    let back = DomainId::new(end.other_domain()).expect("a domain");
    end.watch(&mut store, "vbd").expect("watches");
    end.wait_for(&mut store, XenbusStateInitWait, None).expect("a back end");
    let features = Features::of_other(&end, &mut store).expect("features");
    println!("disk takes {} segments", features.max_indirect_segments);

    let grant = || table::grant(&table, machine, back);
    let ring = grant();
    let port = Port::alloc_unbound(machine.xen(), back).expect("a port");
    let events = machine.channel(port.number());
    let queue = Queue { ring: [ring.reference()].into(), port: port.number() };
    let mut front = Front::<_, ()>::new(ring).map_err(|failed| failed.error).expect("a ring");
    end.publish(&mut store, setup::PROTOCOL, "x86_64-abi".into()).expect("the protocol");
    setup::publish_frontend(&end, &mut store, false, &[queue]).expect("the queue");
    end.set_state(&mut store, XenbusStateInitialised).expect("the state");
    end.wait_for(&mut store, XenbusStateConnected, None).expect("a connection");
    let geometry = Geometry::of_other(&end, &mut store).expect("the geometry");
    println!("disk sectors {} of {} bytes", geometry.sectors, geometry.sector_size);
    end.set_state(&mut store, XenbusStateConnected).expect("the state");

    let pages: Vec<Page<'_>> = (0..BATCH).map(|_| grant()).collect();
    let list = grant();
    let segments: Vec<Segment> = pages.iter().map(|page| Segment::page(page.reference())).collect();
    let finish = |front: &mut Front<Page<'_>, ()>| -> Status {
        if front.push() {
            events.notify().expect("an event");
        }
        loop {
            if let Some(completion) = front.complete().expect("a response") {
                return completion.status;
            }
            if !front.final_check().expect("an index") {
                events.wait(None).expect("an event");
            }
        }
    };

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
                front.transfer_indirect(direction, sector, &segments, list, ()).expect("a request");
                assert_eq!(finish(&mut front), Status::Okay, "round {round}");
            } else {
                for (half, segments) in segments.chunks(BATCH / 2).enumerate() {
                    let sector = sector + half as u64 * (BATCH / 2 * PAGE_SIZE / 512) as u64;
                    let submitted = match direction {
                        Direction::Read => front.read(sector, segments, ()),
                        Direction::Write => front.write(sector, segments, ()),
                    };
                    submitted.map_err(|failed| failed.error).expect("a request");
                    assert_eq!(finish(&mut front), Status::Okay, "round {round}");
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
        front.flush(()).map_err(|failed| failed.error).expect("a request");
        println!("disk flushed {:?}", finish(&mut front));
    }
    // Past the end: Linux refuses it, and the device goes on.
    front
        .read(geometry.sectors, &segments[..1], ())
        .map_err(|failed| failed.error)
        .expect("a request");
    println!("disk past the end {:?}", finish(&mut front));

    end.set_state(&mut store, XenbusStateClosing).expect("the state");
    end.wait_for(&mut store, XenbusStateClosing, None).expect("the other end");
    end.set_state(&mut store, XenbusStateClosed).expect("the state");
    end.wait_for(&mut store, XenbusStateClosed, None).expect("the other end");
    // Linux has unmapped the ring, so every page comes back.
    let mut returned = 0;
    for page in pages.into_iter().chain([list, front.detach().0]) {
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
