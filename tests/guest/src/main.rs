//! A guest kernel that runs the scenarios on a real Xen: x86-64 (PV and PVH), 32-bit x86 (PVH), aarch64 and
//! arm.
//!
//! | file | what it does |
//! |---|---|
//! | `guest.rs` | what the scenarios want of a guest |
//! | `kept.rs` | a transcript that is written between scenarios, which may close the console's port |
//! | `exit.rs` | the status that the machine ends with |
//! | `costs.rs` | what a multicall costs, if the command line has the word `costs` |
//! | `compat.rs` | hypercalls from 32-bit code |
//! | `pv` | what only a PV kernel does: page tables, descriptors, traps |
//! | `misbehave.rs` | what a guest should not do |
//! | `toolstack.rs` | what a control domain does to others |
//! | `vcpus.rs` | several vCPUs, woken by upcalls, that use one grant table |
//!
//! Command line: `scenario=NAME,NAME` for some of the scenarios instead of all, `me=DOMID`,
//! `first=DOMID` for the scenario of several domains, of which that one is the first, `waits=DOMID` for a
//! domain that must have shut down before this one ends, `misbehave=WHAT` for the tests of the harness,
//! `resets` for scenarios that close the ports of a toolstack, the console's too,
//! `vcpus=NUMBER` for vCPUs instead of scenarios, with `apic` for upcalls through the local APIC.
#![no_std]
#![no_main]

#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
mod compat;
#[cfg(target_arch = "x86_64")]
mod costs;
mod exit;
mod guest;
mod kept;
mod misbehave;
#[cfg(target_arch = "x86_64")]
mod pv;
mod toolstack;
mod vcpus;

use core::panic::PanicInfo;

use exit::{Status, exit};
use xen_abi::xen::domid_t;
use xen_guest::{Guest, println};
use xen_scenarios::Guest as _;

xen_guest::entry!(main, exception = exception);

fn main(guest: Guest) -> ! {
    let arguments = guest.command_line();
    if let Some(count) = vcpus::wanted(arguments) {
        vcpus::run(&guest, count, arguments);
        exit(Status::Done);
    }
    let mut guest = guest::LiveGuest::new(guest);
    if guest.domid() != domid_t(0) {
        exit::let_machine_go_on();
    }
    misbehave::misbehave(arguments);
    #[cfg(target_arch = "x86_64")]
    costs::costs(guest.xen(), arguments);
    if arguments.split_whitespace().any(|word| word == "resets") {
        kept::start(&guest);
    }
    xen_scenarios::run(&mut guest, arguments);
    let waits = arguments.split_whitespace().find_map(|word| word.strip_prefix("waits="));
    if let Some(other) = waits.and_then(|domid| domid.parse().ok()) {
        toolstack::wait_for_shutdown(&guest, domid_t(other));
    }
    exit(Status::Done)
}

/// What every exception ends in: none is expected.
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
fn exception(exception: xen_guest::Exception) -> ! {
    println!("@{exception}");
    exit(Status::Exception)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    kept::write_at_the_end();
    println!("{}", info.message());
    if let Some(location) = info.location() {
        println!("@panic {location}");
    }
    exit(Status::Panic)
}
