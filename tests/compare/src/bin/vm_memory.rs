//! vm-memory, with its feature `xen`.

use std::fs::{File, OpenOptions};
use std::io;

use vm_memory::{FileOffset, GuestAddress, MmapRange, MmapRegion, MmapXenFlags};
use xen_compare::{BATCH, FIRST, HOLES, PEER, run, wanted};

#[global_allocator]
static HEAP: xen_devices::heap::Heap = xen_devices::heap::Heap::new();

/// How its users mark the address of a grant.
const GRANT: u64 = 1 << 63;
const PAGE: u64 = 4096;

fn open(device: &str) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(format!("/dev/xen/{device}"))
}

fn main() {
    let map = |name, device, flags: MmapXenFlags, first, count: usize| {
        let file = FileOffset::new(open(device).unwrap(), 0);
        run(name, || {
            let range = MmapRange::new(
                count * PAGE as usize,
                Some(file.clone()),
                GuestAddress(first),
                flags.bits(),
                PEER.into(),
            );
            MmapRegion::<()>::from_range(range).map(drop)
        });
    };
    let grants = GRANT | (u64::from(FIRST) * PAGE);
    match &*wanted() {
        "map" => map("map", "gntdev", MmapXenFlags::GRANT, grants, 1),
        "map-16" => map("map-16", "gntdev", MmapXenFlags::GRANT, grants, BATCH),
        "foreign" => map("foreign", "privcmd", MmapXenFlags::FOREIGN, 16 * PAGE, BATCH),
        "foreign-holes" => {
            let first = (HOLES - 8) * PAGE;
            map("foreign-holes", "privcmd", MmapXenFlags::FOREIGN, first, BATCH);
        }
        "open" => run("open", || open("gntdev").map(drop)),
        _ => {}
    }
}
