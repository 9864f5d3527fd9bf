//! Suspended by xl, which resumes the domain where it is, or stores it and restores it as another.

#![allow(unsafe_code, reason = "suspends the domain, and has upcalls")]

use core::sync::atomic::{AtomicU32, Ordering};

use xen_guest::println;
use xen_guest::suspend::{Suspended, suspend};
use xen_guest::upcall::{Delivery, Upcalls};
use xen_io::block::{Direction, Segment, Status};
use xen_io::xen_abi::event_channel::evtchn_port_t;
use xen_io::xen_ops::events::Port;
use xen_io::xen_ops::gnttab::copy;
use xen_io::xen_ops::{DomainId, Page as _, RemoteGrant};
use xen_io::xenbus::End;
use xen_io::xenstore::Store as _;

use crate::disk::{DEVICE, Disk, TOKEN};
use crate::machine::Machine;
use crate::table::{self, Page, Table};

/// Where the toolstack asks for a suspension, and what it writes there.
const REQUEST: &str = "control/shutdown";
const SUSPEND: &str = "suspend";
/// What memory and disk have before.
const TEXT: [u8; 24] = *b"written before the save.";

static EVENTS: AtomicU32 = AtomicU32::new(0);

/// The suspension is cancelled: the domain stays what it is. It has no upcalls, so Xen's toolstack does not
/// tell.
pub(crate) fn cancelled(machine: &mut Machine, table: &Table) {
    let own = own_id(machine);
    let kept = table::grant(table, machine, own);
    kept.view().write(0, &TEXT).expect("a page");
    wait_for_request(machine);
    let outcome = suspend_now(machine, table);
    let same = own_id(machine) == own && copies(machine, &kept, own);
    println!("suspend {outcome:?}, the domain and its grant are the same: {same}");
}

/// The domain is restored, with a disk on which it had written.
pub(crate) fn run(machine: &mut Machine, table: &Table) {
    let before = own_id(machine);
    let kept = table::grant(table, machine, before);
    kept.view().write(0, &TEXT).expect("a page");
    write_disk(machine, table);

    let events = machine.shared_info().events();
    // SAFETY: the first vCPU, in a kernel that has no other interrupts.
    let upcalls =
        unsafe { Upcalls::install(&machine.guest, 0, events, Delivery::Direct, received) };
    let upcalls = upcalls.expect("a vector");
    wait_for_request(machine);
    let outcome = suspend_now(machine, table);
    println!("suspend {outcome:?}, the domain is another: {}", own_id(machine) != before);
    println!("suspend upcall {}", wakes(machine, &upcalls));

    println!("suspend old grant copies {}", copies(machine, &kept, before));
    let (_, page) = kept.revoke().map_err(drop).expect("nothing has it mapped");
    let mut found = [0; TEXT.len()];
    page.view().read(0, &mut found).expect("a page");
    println!("suspend memory is kept: {}", found == TEXT);
    let own = own_id(machine);
    let granted = table::grant(table, machine, own);
    granted.view().write(0, &TEXT).expect("a page");
    println!("suspend new grant copies {}", copies(machine, &granted, own));
    drop(granted.revoke().map_err(drop).expect("nothing has it mapped"));

    let named = machine.store().read_string("domid").expect("its id");
    println!("suspend xenstore knows the domain: {}", named.parse() == Ok(own.domid().0));
    let reaped = table.reap(usize::MAX);
    let is_returned = reaped.freed > 0 && reaped.still_busy == 0;
    println!("suspend old disk's pages returned: {is_returned}");
    println!("suspend disk is kept: {}", read_disk(machine, table) == TEXT);
}

fn own_id(machine: &Machine) -> DomainId {
    DomainId::new(machine.guest.domid().expect("its id")).expect("no reserved id")
}

/// Waits until the toolstack wants the domain suspended, and agrees.
fn wait_for_request(machine: &Machine) {
    let mut store = machine.store();
    store.watch(REQUEST, SUSPEND).expect("a watch");
    println!("suspend is awaited");
    while !store.read_string(REQUEST).is_ok_and(|request| request == SUSPEND) {
        store.next_event().expect("an event");
    }
    store.unwatch(REQUEST, SUSPEND).expect("the watch");
    store.write(REQUEST, "").expect("a node of its own");
}

fn suspend_now(machine: &mut Machine, table: &Table) -> Suspended {
    let shared_info = *machine.shared_info();
    // SAFETY: the only vCPU. Its upcalls are disabled, its ports forgotten, and its grant table is this one.
    let outcome = unsafe { suspend(&mut machine.guest, &shared_info, Some(table)) };
    outcome.expect("a suspension")
}

/// Whether a page can be copied by the grant of this domain to `me`.
fn copies(machine: &Machine, page: &Page<'_>, me: DomainId) -> bool {
    let mut own = machine.page();
    let remote = RemoteGrant::new(me, page.reference());
    let copied = copy::read(&machine.xen(), remote, 0, &mut own).is_ok();
    copied && own.view().read_obj::<[u8; TEXT.len()]>(0) == Ok(TEXT)
}

fn received(_: u32, _: evtchn_port_t) {
    EVENTS.fetch_add(1, Ordering::AcqRel);
}

/// Whether an upcall wakes this vCPU.
fn wakes(machine: &Machine, upcalls: &Upcalls) -> bool {
    let port = Port::bind_ipi(machine.xen(), 0).expect("a port");
    let before = EVENTS.load(Ordering::Acquire);
    port.notify().expect("an event");
    upcalls.wait_until(|| EVENTS.load(Ordering::Acquire) > before);
    true
}

/// Writes to the disk, which is dropped in use.
fn write_disk(machine: &Machine, table: &Table) {
    transfer(machine, table, Direction::Write, TEXT);
    println!("suspend disk is written");
}

/// Connects the disk that the restored domain has, and reads what it begins with.
fn read_disk(machine: &Machine, table: &Table) -> [u8; TEXT.len()] {
    transfer(machine, table, Direction::Read, [0; TEXT.len()])
}

/// Connects the disk, and transfers a page that begins with `bytes`. Returns what it begins with afterwards.
fn transfer<const N: usize>(
    machine: &Machine,
    table: &Table,
    direction: Direction,
    bytes: [u8; N],
) -> [u8; N] {
    let mut store = machine.store();
    let end = End::frontend(&mut store, "vbd", DEVICE).expect("a disk");
    end.watch(&mut store, TOKEN).expect("watches");
    let mut disk = Disk::connect(machine, table, &mut store);
    let page = table::grant(table, machine, disk.back);
    page.view().write(0, &bytes).expect("a page");
    disk.submit(direction, 0, &[Segment::page(page.reference())]);
    assert_eq!(disk.finish(), Status::Okay);
    end.unwatch(&mut store, TOKEN).expect("the watches");
    page.view().read_obj(0).expect("a page")
}
