//! A test is a kernel: it passes if it powers off, and fails if it panics.
#![no_std]
#![no_main]

use core::panic::PanicInfo;
use core::time::Duration;

use xen_guest::shutdown::{Reason, shutdown};
use xen_guest::time::Clock;
use xen_guest::xen_ops::events::{EventChannel as _, Port};
use xen_guest::xen_ops::hypercall::xen_version;
use xen_guest::{Channel, Guest, PagePool, SharedInfo, println};

xen_guest::entry!(main);

static POOL: PagePool<4> = PagePool::new();

fn main(guest: Guest) -> ! {
    let version = xen_version::version(&guest.xen()).expect("the version of Xen");
    println!("Xen {}.{}", version >> 16, version & 0xffff);
    assert_eq!(version >> 16, 4);
    wait_for_an_event(&guest);
    shutdown(Reason::Poweroff)
}

/// Sends an event to this vCPU itself, and waits for it as a driver does.
fn wait_for_an_event(guest: &Guest) {
    let page = POOL.take(guest).expect("a page");
    let shared_info = SharedInfo::map(guest, page).expect("the shared information page");
    let clock = Clock::new(&shared_info).expect("the clock");
    let port = Port::bind_ipi(guest.xen(), 0).expect("a port");
    let channel = Channel::new(guest.xen(), port, shared_info.events(), &clock);
    let channel = channel.expect("a port of the 2-level ABI");
    assert_eq!(channel.wait(Some(Duration::from_millis(1))), Ok(false));
    channel.notify().expect("an event");
    assert_eq!(shared_info.events().receive(|_| ()), 0, "the event is the channel's");
    assert_eq!(channel.wait(None), Ok(true));
    println!("waited for an event");
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    xen_guest::shutdown::panic(info)
}
