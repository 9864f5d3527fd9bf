//! A guest kernel that runs the scenarios on a real Xen: x86-64 (PV and PVH), aarch64 and arm.
//!
//! | file | what it does |
//! |---|---|
//! | `entry/` | from the first instruction to [`main`], one pair of files an architecture |
//! | `memory.rs` | pages and their frames |
//! | `device_tree.rs` | the command line on Arm |
//! | `frames.rs` | where the grant table's frames appear |
//! | `console.rs` | lines on the console |
//! | `ring.rs` | the console of a domain that a toolstack started |
//! | `exit.rs` | the status that the machine ends with |
//! | `misbehave.rs` | what a guest should not do |
//! | `toolstack.rs` | what a control domain does to others |
//! | `guest.rs` | what the scenarios want of a guest |
//!
//! Command line: `scenario=NAME,NAME` for some of the scenarios instead of all, `me=DOMID`,
//! `first=DOMID` for the scenario of several domains, of which that one is the first,
//! `misbehave=WHAT` for the tests of the harness.
#![no_std]
#![no_main]

mod console;
#[cfg(not(target_arch = "x86_64"))]
mod device_tree;
mod entry;
mod exit;
mod frames;
mod guest;
mod memory;
mod misbehave;
mod ring;
mod toolstack;

use core::panic::PanicInfo;

use entry::Start;
use exit::{Status, exit, let_machine_go_on};
use guest::LiveGuest;
use memory::Space;
use xen_abi::xen::domid_t;
use xen_scenarios::Guest as _;

fn main(start: Start) -> ! {
    let arguments = start.arguments;
    if let Space::Translated { .. } = start.space {
        ring::open_by_parameters();
    }
    let mut guest = LiveGuest::new(start);
    if guest.domid() != domid_t(0) {
        let_machine_go_on();
    }
    misbehave::misbehave(arguments);
    xen_scenarios::run(&mut guest, arguments);
    exit(Status::Done)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    console::write(format_args!("{}", info.message()));
    if let Some(location) = info.location() {
        console::write(format_args!("@panic {location}"));
    }
    exit(Status::Panic)
}
