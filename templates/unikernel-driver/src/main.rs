//! A unikernel with a disk: it finds the disk in xenstore, connects to the back end, and reads sectors.
#![no_std]
#![no_main]

extern crate alloc;

mod machine;

use core::panic::PanicInfo;

use machine::Machine;
use xen_guest::shutdown::{Reason, shutdown};
use xen_guest::xen_abi::io::xenbus::{
    XenbusStateClosed, XenbusStateClosing, XenbusStateConnected, XenbusStateInitWait,
    XenbusStateInitialised,
};
use xen_guest::xen_ops::events::{EventChannel as _, Port};
use xen_guest::xen_ops::{DomainId, ReadWrite};
use xen_guest::{Guest, println};
use xen_io::block::setup::{self, Geometry, Queue};
use xen_io::block::{Front, Segment, Status};
use xen_io::xenbus::End;
use xen_io::xenstore::Store as _;

xen_guest::entry!(pv, pvh => main);

/// The number that the disk `xvda` has in xenstore.
const XVDA: u32 = 51712;

fn main(guest: Guest) -> ! {
    let machine = Machine::new(guest);
    let name = machine.store().read_string("name").expect("the domain's name");
    println!("hello from the domain {name}");
    print_disk(&machine);
    shutdown(Reason::Poweroff)
}

/// Connects to the back end of the disk, and prints the first line of what is on it.
fn print_disk(machine: &Machine) {
    let mut store = machine.store();
    let end = End::frontend(&mut store, "vbd", XVDA).expect("a disk: xen-run --disk FILE");
    end.watch(&mut store, "disk").expect("watches of both ends");
    end.wait_for(&mut store, XenbusStateInitWait, None).expect("a back end");
    let back = DomainId::new(end.other_domain()).expect("no reserved id");

    // The ring of requests: a page that the back end may use, and an event channel.
    let grants = machine.grant_table();
    let share = || grants.grant(back, machine.page(), ReadWrite).expect("a grant");
    let (ring, page) = (share(), share());
    let port = Port::alloc_unbound(machine.xen(), back).expect("a port");
    let queue = Queue { ring: [ring.reference()].into(), port: port.number() };
    let channel = machine.channel(port.number());
    let mut front = Front::<_, ()>::new(ring).expect("a ring");
    setup::publish_frontend(&end, &mut store, false, &[queue]).expect("nodes");
    end.set_state(&mut store, XenbusStateInitialised).expect("the state");
    end.wait_for(&mut store, XenbusStateConnected, None).expect("the other end");
    let geometry = Geometry::of_other(&end, &mut store).expect("the geometry");
    end.set_state(&mut store, XenbusStateConnected).expect("the state");
    println!("a disk of {} sectors", geometry.sectors);

    // One request: the first sector, into the page.
    let sector = Segment::new(page.reference(), 0, 0).expect("the first of a page's eight");
    front.read(0, &[sector], ()).expect("space in the ring");
    if front.push() {
        channel.notify().expect("an event");
    }
    let status = loop {
        if let Some(completion) = front.complete().expect("a response") {
            break completion.status;
        }
        if !front.final_check().expect("an index") {
            channel.wait(None).expect("an event");
        }
    };
    assert_eq!(status, Status::Okay);
    let bytes: [u8; 512] = page.view().read_obj(0).expect("a sector");
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    println!("it begins with {:?}", core::str::from_utf8(line));

    for state in [XenbusStateClosing, XenbusStateClosed] {
        end.set_state(&mut store, state).expect("the state");
        end.wait_for(&mut store, state, None).expect("the other end");
    }
    let is_returned = page.revoke().is_ok() && front.detach().0.revoke().is_ok();
    println!("the back end has closed the disk, and uses no page any more: {is_returned}");
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    xen_guest::shutdown::panic(info)
}
