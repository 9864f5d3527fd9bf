//! krata-xengnt.

use xen_compare::{BATCH, FIRST, PEER, run, wanted};
use xengnt::sys::GrantRef;
use xengnt::{GrantAlloc, GrantTab};

#[global_allocator]
static HEAP: xen_devices::heap::Heap = xen_devices::heap::Heap::new();

fn main() {
    let grants = |count| {
        let grant = |at| GrantRef { domid: PEER.into(), reference: FIRST + at as u32 };
        (0..count).map(grant).collect::<Vec<_>>()
    };
    let map = |name, count| {
        let table = GrantTab::open().unwrap();
        run(name, || table.map_grant_refs(grants(count), true, true).map(drop));
    };
    match &*wanted() {
        "map" => map("map", 1),
        "map-16" => map("map-16", BATCH),
        // It cannot map a shared page, only allocate and free one.
        "share" => {
            const WRITABLE: u16 = 1;
            let device = GrantAlloc::open().unwrap();
            run("share", || {
                let (index, _) = device.alloc_gref(PEER, WRITABLE, 1)?;
                device.dealloc_gref(index, 1)
            });
        }
        "open" => run("open", || GrantTab::open().map(drop)),
        _ => {}
    }
}
