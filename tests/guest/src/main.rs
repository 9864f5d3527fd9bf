//! A guest kernel that runs the scenarios on a real Xen: x86-64 (PV and PVH), aarch64 and arm.
//!
//! | file | what it does |
//! |---|---|
//! | `guest.rs` | what the scenarios want of a guest |
//! | `exit.rs` | the status that the machine ends with |
//! | `costs.rs` | what a multicall costs, if the command line has the word `costs` |
//! | `compat.rs` | hypercalls from 32-bit code |
//! | `pv` | what only a PV kernel does: page tables, descriptors, traps |
//! | `misbehave.rs` | what a guest should not do |
//! | `toolstack.rs` | what a control domain does to others |
//!
//! Command line: `scenario=NAME,NAME` for some of the scenarios instead of all, `me=DOMID`,
//! `first=DOMID` for the scenario of several domains, of which that one is the first,
//! `misbehave=WHAT` for the tests of the harness.
#![no_std]
#![no_main]

#[cfg(target_arch = "x86_64")]
mod compat;
#[cfg(target_arch = "x86_64")]
mod costs;
mod exit;
mod guest;
mod misbehave;
#[cfg(target_arch = "x86_64")]
mod pv;
mod toolstack;

use core::panic::PanicInfo;

use exit::{Status, exit, let_machine_go_on};
use guest::LiveGuest;
use xen_abi::xen::domid_t;
use xen_guest::{Guest, println};
use xen_scenarios::Guest as _;

xen_guest::entry!(main, exception = exception);

fn main(guest: Guest) -> ! {
    let arguments = guest.command_line();
    let mut guest = LiveGuest::new(guest);
    if guest.domid() != domid_t(0) {
        let_machine_go_on();
    }
    misbehave::misbehave(arguments);
    #[cfg(target_arch = "x86_64")]
    costs::costs(guest.xen(), arguments);
    xen_scenarios::run(&mut guest, arguments);
    exit(Status::Done)
}

/// What every exception ends in: none is expected.
#[cfg(not(target_arch = "x86_64"))]
fn exception(exception: xen_guest::Exception) -> ! {
    println!("@{exception}");
    exit(Status::Exception)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    println!("{}", info.message());
    if let Some(location) = info.location() {
        println!("@panic {location}");
    }
    exit(Status::Panic)
}
