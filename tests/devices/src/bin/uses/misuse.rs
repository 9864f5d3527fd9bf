//! Wrong uses, which must fail and harm nothing.

#![allow(unsafe_code, reason = "a fork")]

use std::fs::File;
use std::os::fd::OwnedFd;

use nix::libc;
use xen_abi::grant_table::GNTST_bad_domain;
use xen_linux::gntdev::Memory;
use xen_linux::{
    Cause, Errno, Error, Evtchn, Gntalloc, Gntdev, Grants, Privcmd, ReadOnly, ReadWrite, Segment,
    UnmapNotify, domid_t, grant_ref_t, xen_pfn_t,
};
use xen_ops::memory::acquire::Resource;

use crate::Use;
use crate::usage::{grant, peer};

pub(crate) const USES: &[Use] = &[
    ("counts", counts),
    ("another-device", another_device),
    ("a-domain-that-is-gone", a_domain_that_is_gone),
    ("no-such-page", no_such_page),
    ("fork", fork),
];

fn is_count<T>(result: Result<T, Error>) -> bool {
    result.is_err_and(|error| matches!(error.cause(), Cause::Count { .. }))
}

/// No elements, and more than there can be.
fn counts() {
    let (gntdev, gntalloc) = (Gntdev::open().unwrap(), Gntalloc::open().unwrap());
    let (xen, evtchn) = (Privcmd::open().unwrap(), Evtchn::open().unwrap());
    let references = vec![grant_ref_t(8); 65537];
    let mut grants: Grants = references.iter().map(|one| grant(1, one.0)).collect();
    assert!(is_count(gntdev.map_all(&mut Grants::new(), ReadWrite)));
    assert!(is_count(gntdev.map_all(&mut grants, ReadWrite)));
    assert!(is_count(gntdev.export(peer(1), &[], Memory::Any)));
    assert!(is_count(gntdev.export(peer(1), &references, Memory::Any)));
    assert!(is_count(gntdev.import(&gntdev, peer(1), 0)));
    assert!(is_count(gntalloc.share(peer(1), 0, ReadWrite)));
    assert!(is_count(gntalloc.share(peer(1), usize::MAX, ReadWrite)));
    assert!(is_count(xen.map_frames(peer(1), &[], ReadOnly)));
    let table = Resource::GrantTable { status: false };
    assert!(is_count(xen.map_resource(peer(1), table, 0, 0, ReadOnly)));
    assert!(is_count(xen.map_resource(peer(1), table, 0, usize::MAX, ReadOnly)));
    assert!(is_count(xen.dm_op(peer(1), &mut [])));
    assert!(is_count(evtchn.pending(&mut [])));
}

/// Every descriptor in place of every other.
fn another_device() {
    const DEVICES: [&str; 9] = [
        "/dev/xen/gntdev",
        "/dev/xen/gntalloc",
        "/dev/xen/privcmd",
        "/dev/xen/evtchn",
        "/dev/xen/hypercall",
        "/dev/null",
        "/dev/zero",
        // They take every ioctl, or answer with EINVAL.
        "/dev/urandom",
        "/dev/ptmx",
    ];
    let open = |path| OwnedFd::from(File::options().read(true).write(true).open(path).unwrap());
    for path in DEVICES {
        assert_eq!(Gntdev::try_from(open(path)).is_ok(), path == "/dev/xen/gntdev");
        assert_eq!(Gntalloc::try_from(open(path)).is_ok(), path == "/dev/xen/gntalloc");
        assert_eq!(Evtchn::try_from(open(path)).is_ok(), path == "/dev/xen/evtchn");
        let privcmd = Privcmd::new(open(path), open("/dev/xen/hypercall"));
        assert_eq!(privcmd.is_ok(), path == "/dev/xen/privcmd");
        let privcmd = Privcmd::new(open("/dev/xen/privcmd"), open(path));
        assert_eq!(privcmd.is_ok(), path == "/dev/xen/hypercall");
    }
}

fn errno<T>(result: Result<T, Error>) -> Option<Errno> {
    result.err().and_then(|error| error.as_errno())
}

fn a_domain_that_is_gone() {
    let gone = peer(7);
    let gntdev = Gntdev::open().unwrap();
    let refused = gntdev.map(grant(7, 8), ReadWrite).unwrap_err();
    assert_eq!(refused.cause(), &Cause::Refused);
    let mut grants: Grants = [grant(1, 8), grant(7, 8)].into_iter().collect();
    assert!(gntdev.map_all(&mut grants, ReadOnly).is_err());
    let mut segments = [Segment::write(&[1], grant(7, 8), 0).unwrap()];
    let copied = gntdev.copy(&mut segments).unwrap();
    assert!(copied.results().eq([Err(GNTST_bad_domain)]));
    assert_eq!(errno(gntdev.export(gone, &[grant_ref_t(8)], Memory::Any)), Some(Errno::INVAL));
    let xen = Privcmd::open().unwrap();
    let frames = xen.map_frames(gone, &[xen_pfn_t(5)], ReadOnly).unwrap();
    assert_eq!(frames.error(0), Some(Errno::SRCH));
    let table = Resource::GrantTable { status: false };
    assert_eq!(errno(xen.resource_size(gone, table)), Some(Errno::SRCH));
    assert_eq!(errno(xen.map_resource(gone, table, 0, 1, ReadOnly)), Some(Errno::SRCH));
    let evtchn = Evtchn::open().unwrap();
    assert_eq!(errno(evtchn.bind_unbound(domid_t(7))), Some(Errno::SRCH));
}

/// Pages, bytes and ranges that do not exist.
fn no_such_page() {
    let gntdev = Gntdev::open().unwrap();
    let mapping = gntdev.map(grant(1, 8), ReadWrite).unwrap();
    assert!(mapping.page(1).is_none());
    assert!(mapping.notify(1, UnmapNotify::clear_byte(0)).is_err());
    assert!(mapping.notify(0, UnmapNotify::clear_byte(4096)).is_err());
    assert!(Segment::write(&[0; 8], grant(1, 8), 4089).is_err());
    assert!(Segment::write(&[0; 4097], grant(1, 8), 0).is_err());
    assert!(Segment::write(&[0; 8], grant(1, 8), usize::MAX).is_err());
    assert!(gntdev.locate(usize::MAX).is_err());
}

/// A child has copies of its parent's values, and they do nothing there.
fn fork() {
    let (gntdev, gntalloc) = (Gntdev::open().unwrap(), Gntalloc::open().unwrap());
    let mapping = gntdev.map(grant(1, 8), ReadWrite).unwrap();
    let shared = gntalloc.share(peer(1), 1, ReadWrite).unwrap();
    // SAFETY: this program has one thread.
    match unsafe { libc::fork() } {
        0 => {
            let is_forked = |error: Error| error.cause() == &Cause::Forked;
            assert!(mapping.page(0).is_none() && shared.page(0).is_none());
            assert!(gntdev.map(grant(1, 10), ReadWrite).is_err_and(is_forked));
            assert!(mapping.notify(0, UnmapNotify::clear_byte(0)).is_err_and(is_forked));
            assert!(mapping.unmap().is_err_and(|failed| is_forked(failed.error)));
            drop(shared);
            Gntdev::open().unwrap().map(grant(1, 10), ReadWrite).unwrap().unmap().unwrap();
            std::process::exit(0);
        }
        child => {
            let mut status = -1;
            // SAFETY: waits for that child, and writes to a local variable.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert_eq!(status, 0, "the child failed");
        }
    }
    assert_eq!(mapping.page(0).unwrap().read_obj::<[u32; 2]>(0).unwrap(), [1, 8]);
    mapping.unmap().unwrap();
    shared.unshare().unwrap();
}
