//! Linux's block back end, which the toolstack detaches, attaches again, and takes away without a word.

use xen_guest::println;
use xen_io::EventChannel as _;
use xen_io::block::{Direction, Segment, Status};
use xen_io::xen_abi::io::xenbus::{
    XenbusStateClosing, XenbusStateInitialising, XenbusStateUnknown,
};
use xen_io::xenbus::End;

use crate::disk::{DEVICE, Disk, TOKEN};
use crate::machine::{Machine, Store, close};
use crate::table::{self, Page, Table};

/// What the first bytes of the disk are.
const TEXT: [u8; 32] = *b"written before it was detached..";

pub(crate) fn run(machine: &Machine, table: &Table) {
    let mut store = machine.store();
    let free = table.free_refs();
    let end = attached(&mut store);
    end.watch(&mut store, TOKEN).expect("watches");
    let mut disk = Disk::connect(machine, table, &mut store);
    let page = table::grant(table, machine, disk.back);
    page.view().write(0, &TEXT).expect("a page");
    disk.submit(Direction::Write, 0, &[Segment::page(page.reference())]);
    assert_eq!(disk.finish(), Status::Okay);
    println!("detach is ready for the first end");
    let reads = read_until(&mut disk, &page, || end.other_is_closing(&mut store).expect("a state"));
    close(&end, &mut store);
    let all = revoke([page, disk.front.detach().0], table, free);
    println!("detach closed after reads: {}, all references free: {all}", reads > 0);

    // The toolstack removes the device, and makes another with its number.
    let end = attached(&mut store);
    let mut disk = Disk::connect(machine, table, &mut store);
    let page = table::grant(table, machine, disk.back);
    println!("detach is ready for the second end");
    let reads = read_until(&mut disk, &page, || {
        end.state(&mut store).expect("xenstore") == XenbusStateUnknown
    });
    println!("detach is gone: {}", end.set_state(&mut store, XenbusStateClosing).is_err());
    let all = revoke([page, disk.front.detach().0], table, free);
    println!("detach was removed after reads: {}, all references free: {all}", reads > 0);
    end.unwatch(&mut store, TOKEN).expect("the watches");
}

/// Waits for a device that is new.
fn attached(store: &mut Store<'_>) -> End {
    const ATTACHED: &str = "attached";
    store.watch("device/vbd", ATTACHED).expect("a watch");
    let end = loop {
        if let Ok(end) = End::frontend(store, "vbd", DEVICE) {
            if end.state(store).expect("xenstore") == XenbusStateInitialising {
                break end;
            }
        }
        store.wait_event(None).expect("an event");
    };
    store.unwatch("device/vbd", ATTACHED).expect("the watch");
    end
}

/// Reads the disk again and again until `is_over`, and returns how often. The last request may have no answer: it
/// is not waited for.
fn read_until(disk: &mut Disk<'_>, page: &Page<'_>, mut is_over: impl FnMut() -> bool) -> u32 {
    let segments = [Segment::page(page.reference())];
    let mut reads = 0;
    loop {
        page.view().write(0, &[0; TEXT.len()]).expect("a page");
        disk.submit(Direction::Read, 0, &segments);
        if disk.front.push() {
            disk.events.notify().expect("an event");
        }
        let completion = loop {
            if let Some(completion) = disk.front.complete().expect("a response") {
                break completion;
            }
            if is_over() {
                return reads;
            }
        };
        let mut found = [0; TEXT.len()];
        page.view().read(0, &mut found).expect("a page");
        assert_eq!((completion.status, found), (Status::Okay, TEXT));
        reads += 1;
        if is_over() {
            return reads;
        }
    }
}

/// Ends grants, once Linux does not use the pages any more, and returns whether as many references are free as
/// before there were any.
fn revoke(pages: [Page<'_>; 2], table: &Table, free: usize) -> bool {
    assert!(table.free_refs() <= free - pages.len(), "the pages are granted");
    for page in pages {
        let mut result = page.revoke();
        while let Err(revoking) = result {
            result = revoking.retry();
        }
    }
    table.free_refs() == free
}
