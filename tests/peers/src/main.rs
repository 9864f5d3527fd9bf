//! A guest kernel that uses xenstored and the back ends of a Linux dom0, over xen-io: x86-64, PVH.
//!
//! Command line: `store`, `disk` or `network`. Each step writes a line to the console.
#![no_std]
#![no_main]

extern crate alloc;

mod disk;
mod heap;
mod machine;
mod network;
mod store;
mod table;

use core::panic::PanicInfo;

use xen_guest::shutdown::{Reason, shutdown};
use xen_guest::{Guest, println};

xen_guest::entry!(main);

fn main(guest: Guest) -> ! {
    let words = guest.command_line();
    let machine = machine::Machine::new(guest);
    for word in words.split_whitespace() {
        match word {
            "store" => store::run(&machine),
            "disk" => disk::run(&machine),
            "network" => network::run(&machine),
            _ => {}
        }
    }
    println!("through");
    shutdown(Reason::Poweroff)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    println!("@panic {info}");
    xen_guest::shutdown::panic(info)
}
