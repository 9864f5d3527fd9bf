//! A test is a kernel: it passes if it powers off, and fails if it panics.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

use xen_guest::shutdown::{Reason, shutdown};
use xen_guest::xen_ops::hypercall::xen_version;
use xen_guest::{Guest, println};

xen_guest::entry!(main);

fn main(guest: Guest) -> ! {
    let version = xen_version::version(&guest.xen()).expect("the version of Xen");
    println!("Xen {}.{}", version >> 16, version & 0xffff);
    assert_eq!(version >> 16, 4);
    shutdown(Reason::Poweroff)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    xen_guest::shutdown::panic(info)
}
