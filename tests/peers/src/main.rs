//! A guest kernel that uses xenstored and the back ends of a Linux dom0, over xen-io: x86-64, PV and PVH.
//!
//! Command line: any of `store`, `disk`, `detach`, `network`, `files`, `vchan`, `vchan-client`, `cancel` and
//! `suspend`, one after another. Each step writes a line to the console.
#![no_std]
#![no_main]

extern crate alloc;

mod detach;
mod disk;
mod files;
mod heap;
mod machine;
mod network;
mod stack;
mod store;
mod suspend;
mod table;
mod vchan;

use core::panic::PanicInfo;

use xen_guest::shutdown::{Reason, shutdown};
use xen_guest::{Guest, println};

xen_guest::entry!(main);

fn main(guest: Guest) -> ! {
    let words = guest.command_line();
    let mut machine = machine::Machine::new(guest);
    let table = table::start(&machine);
    for word in words.split_whitespace() {
        match word {
            "store" => store::run(&machine),
            "disk" => disk::run(&machine, &table),
            "detach" => detach::run(&machine, &table),
            "network" => network::run(&machine, &table),
            "files" => files::run(&machine, &table),
            "vchan" => vchan::run(&machine, &table),
            "vchan-client" => vchan::client(&machine),
            "cancel" => suspend::cancelled(&mut machine, &table),
            "suspend" => suspend::run(&mut machine, &table),
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
