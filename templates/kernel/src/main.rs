//! A kernel that Xen starts: it prints, shares a page, measures how long that takes, and
//! receives an event.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

use xen_guest::shutdown::{Reason, shutdown};
use xen_guest::time::{Clock, WallClock};
use xen_guest::xen_ops::events::Port;
use xen_guest::xen_ops::gnttab::{Storage, copy};
use xen_guest::xen_ops::{DomainId, GrantTable, Page as _, ReadOnly, RemoteGrant};
use xen_guest::{GrantFrames, Guest, GuestPage, PagePool, SharedInfo, println};

xen_guest::entry!(main);

/// The kernel's pages, and the memory for the state of its grant table.
static POOL: PagePool<16> = PagePool::new();
static STORAGE: Storage<GuestPage, 4, 16> = Storage::new();

fn main(guest: Guest) -> ! {
    println!("hello from a {} guest, told {:?}", guest.kind(), guest.command_line());
    let shared_info = SharedInfo::map(&guest, take(&guest)).expect("the shared information page");
    let clock = Clock::new(&shared_info).expect("the clock");
    let start = clock.now();
    if let Ok(boot) = WallClock::read(&shared_info.view()) {
        println!("{} seconds after the beginning of 1970", boot.at(start).as_secs());
    }
    share(&guest);
    println!("shared a page within {} ns", clock.now() - start);
    receive(&guest, &shared_info);
    shutdown(Reason::Poweroff)
}

/// Grants a page to this domain itself, and copies from it as another domain would.
fn share(guest: &Guest) {
    let xen = guest.xen();
    let frames = GrantFrames::new::<4, 16>(guest, &POOL).expect("space for the grant table");
    let storage = STORAGE.take().expect("the storage, which nothing else takes");
    // SAFETY: nothing else in this kernel uses the domain's grant table.
    let table = unsafe { GrantTable::start(xen, frames, storage, Default::default()) };
    let table = table.expect("a grant table");
    let me = DomainId::new(guest.domid().expect("a port")).expect("no reserved id");

    let page = take(guest);
    page.view().write(0, b"shared").expect("six bytes fit");
    let granted = table.grant(me, page, ReadOnly).expect("a grant");
    let mut own = take(guest);
    let remote = RemoteGrant::new(me, granted.reference());
    let count = copy::read(&xen, remote, 0, &mut own).expect("a copy");
    let bytes = own.view().read_obj::<[u8; 6]>(0).expect("six bytes");
    println!("copied {count} bytes: {:?}", core::str::from_utf8(&bytes));
    assert!(granted.revoke().is_ok(), "nothing has the page mapped");
}

/// Sends an event to this vCPU itself, and receives it as from another domain.
fn receive(guest: &Guest, shared_info: &SharedInfo) {
    let port = Port::bind_ipi(guest.xen(), 0).expect("a port");
    port.notify().expect("an event");
    let mut events = 0;
    shared_info.events().receive(|from| events += u32::from(from == port.number()));
    println!("received {events} event");
}

fn take(guest: &Guest) -> GuestPage {
    POOL.take(guest).expect("a page: make the pool larger")
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    xen_guest::shutdown::panic(info)
}
