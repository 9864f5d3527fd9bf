//! xen-linux.

use std::cell::RefCell;

use xen_compare::{BATCH, FIRST, HOLES, PEER, run, wanted};
use xen_linux::xen_ops::hypercall::xen_version;
use xen_linux::{
    DomainId, Error, Gntalloc, Gntdev, Grants, Privcmd, ReadWrite, RemoteGrant, Segment, domid_t,
    grant_ref_t, xen_pfn_t,
};

#[global_allocator]
static HEAP: xen_devices::heap::Heap = xen_devices::heap::Heap::new();

fn main() {
    let peer = DomainId::new(domid_t(PEER)).unwrap();
    let grant = |at| RemoteGrant::new(peer, grant_ref_t(FIRST + at as u32));
    match &*wanted() {
        "map" => {
            let gntdev = Gntdev::open().unwrap();
            run("map", || gntdev.map(grant(0), ReadWrite).map(drop));
        }
        "map-16" => {
            let gntdev = Gntdev::open().unwrap();
            let grants: RefCell<Grants> = RefCell::new((0..BATCH).map(grant).collect());
            run("map-16", || gntdev.map_all(&mut grants.borrow_mut(), ReadWrite).map(drop));
        }
        "share" => {
            let gntalloc = Gntalloc::open().unwrap();
            run("share", || gntalloc.share(peer, 1, ReadWrite).map(drop));
        }
        "copy-16" => {
            let gntdev = Gntdev::open().unwrap();
            let mut to = [[0; 64]; BATCH];
            let segments = to.iter_mut().enumerate();
            let segments = segments.map(|(at, to)| Segment::read(grant(at), 0, to).unwrap());
            let segments: RefCell<Vec<_>> = RefCell::new(segments.collect());
            run("copy-16", || gntdev.copy(&mut segments.borrow_mut())?.all());
        }
        "foreign" => {
            let xen = Privcmd::open().unwrap();
            let frames: Vec<_> = (0..BATCH as u64).map(|at| xen_pfn_t(16 + at)).collect();
            run("foreign", || xen.map_frames(peer, &frames, ReadWrite)?.all());
        }
        "foreign-holes" => {
            let xen = Privcmd::open().unwrap();
            let frames: Vec<_> = (0..BATCH as u64).map(|at| xen_pfn_t(HOLES - 8 + at)).collect();
            run("foreign-holes", || xen.map_frames(peer, &frames, ReadWrite)?.all());
        }
        "hypercall" => {
            let xen = Privcmd::open().unwrap();
            run("hypercall", || xen_version::version(&xen).map(drop));
        }
        "open" => run("open", || Gntdev::open().map(drop) as Result<(), Error>),
        _ => {}
    }
}
