//! What the crate is for.

use std::time::Duration;

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::grant_table::{GNTST_bad_gntref, GNTST_general_error, grant_ref_t};
use xen_abi::xen::{domid_t, xen_pfn_t};
use xen_linux::evtchn::Evtchn;
use xen_linux::gntalloc::Gntalloc;
use xen_linux::gntdev::{Gntdev, Grants, Memory, Segment};
use xen_linux::notify::UnmapNotify;
use xen_linux::privcmd::Privcmd;
use xen_linux::{Cause, Errno};
use xen_ops::DomainId;
use xen_ops::gnttab::RemoteGrant;
use xen_ops::hypercall::{grant_table_op, memory_op, xen_version};
use xen_ops::memory::acquire::Resource;
use xen_ops::view::{ReadOnly, ReadWrite};

use crate::Use;

pub(crate) const USES: &[Use] = &[
    ("map", map),
    ("notify", notify),
    ("copy", copy),
    ("dmabuf", dmabuf),
    ("share", share),
    ("limit", limit),
    ("events", events),
    ("foreign-frames", foreign_frames),
    ("resources", resources),
    ("hypercalls", hypercalls),
];

pub(crate) fn peer(domain: u16) -> DomainId {
    DomainId::new(domid_t(domain)).unwrap()
}

pub(crate) fn grant(domain: u16, reference: u32) -> RemoteGrant {
    RemoteGrant::new(peer(domain), grant_ref_t(reference))
}

/// The first bytes of a grant, by a copy.
fn bytes(gntdev: &Gntdev, grant: RemoteGrant, offset: usize) -> [u8; 8] {
    let mut bytes = [0; 8];
    let mut segments = [Segment::read(grant, offset, &mut bytes).unwrap()];
    gntdev.copy(&mut segments).unwrap().all().unwrap();
    bytes
}

/// Pages of several domains in a row show what is in them, and keep what is written.
fn map() {
    let gntdev = Gntdev::open().unwrap();
    let mut grants: Grants = [grant(1, 20), grant(2, 30), grant(1, 8)].into_iter().collect();
    let mapping = gntdev.map_all::<ReadWrite>(&mut grants).unwrap();
    let words = mapping.pages().map(|page| page.read_obj::<[u32; 2]>(0).unwrap());
    assert!(words.eq([[1, 20], [2, 30], [1, 8]]));
    let located = gntdev.locate(mapping.address().as_ptr() as usize).unwrap();
    assert_eq!((located.offset, located.count), (mapping.offset(), 3));
    mapping.page(1).unwrap().write(64, b"written!").unwrap();
    mapping.unmap().unwrap();
    assert_eq!(&bytes(&gntdev, grant(2, 30), 64), b"written!");
    let page = gntdev.map::<ReadOnly>(grant(2, 30)).unwrap();
    assert_eq!(&page.page(0).unwrap().read_obj::<[u8; 8]>(64).unwrap(), b"written!");
}

/// The other side learns that a page is unmapped by a byte, an event, or both.
fn notify() {
    let (gntdev, evtchn) = (Gntdev::open().unwrap(), Evtchn::open().unwrap());
    let one = evtchn.bind_unbound(domid_t(0)).unwrap();
    let other = evtchn.bind_interdomain(domid_t(0), one.number()).unwrap();
    let mapping = gntdev.map::<ReadWrite>(grant(1, 8)).unwrap();
    mapping.page(0).unwrap().write(16, &[1; 8]).unwrap();
    mapping.notify(0, UnmapNotify::clear_byte(19).and_send_event(one.number())).unwrap();
    assert!(!evtchn.wait(Some(Duration::ZERO)).unwrap());
    drop(mapping);
    // The device looks at what is mapped when it is asked something.
    assert_eq!(bytes(&gntdev, grant(1, 8), 16), [1, 1, 1, 0, 1, 1, 1, 1]);
    let mut ports = [evtchn_port_t(0); 2];
    assert_eq!(evtchn.pending(&mut ports).unwrap(), Some(&[other.number()][..]));
}

/// Every segment has a result of its own.
fn copy() {
    let gntdev = Gntdev::open().unwrap();
    let (mut to, from) = ([0; 8], [7; 8]);
    let mut segments = [
        Segment::write(&from, grant(1, 8), 4088).unwrap(),
        Segment::between((grant(1, 8), 4088), (grant(2, 8), 0), 8).unwrap(),
        Segment::read(grant(2, 8), 0, &mut to).unwrap(),
        Segment::write(&from, grant(1, 9), 0).unwrap(),
        Segment::write(&from, grant(1, 3), 0).unwrap(),
    ];
    let copied = gntdev.copy(&mut segments).unwrap();
    let refused = [Err(GNTST_general_error), Err(GNTST_bad_gntref)];
    assert!(copied.results().eq([Ok(()); 3].into_iter().chain(refused)));
    assert_eq!(to, [7; 8]);
    assert!(gntdev.copy(&mut []).unwrap().all().is_ok());
}

/// A buffer of grants is exported, granted on, and waited for.
fn dmabuf() {
    let gntdev = Gntdev::open().unwrap();
    let buffer = gntdev.export(peer(1), &[8, 10].map(grant_ref_t), Memory::Any).unwrap();
    let imported = gntdev.import(&buffer, peer(2), 2).unwrap();
    assert_eq!(imported.references().len(), 2);
    imported.release().unwrap();
    let other = gntdev.export(peer(1), &[grant_ref_t(8)], Memory::Coherent).unwrap();
    let releasing = buffer.release().unwrap();
    let early = releasing.wait(Duration::ZERO).unwrap_err();
    assert_eq!(early.cause(), &Cause::TimedOut);
    releasing.wait(Duration::from_millis(1)).unwrap();
    releasing.wait(Duration::from_millis(1)).unwrap();
    drop(other.into_fd());
}

/// Shared pages are zero, and other domains, ours here, map them.
fn share() {
    let (gntalloc, gntdev) = (Gntalloc::open().unwrap(), Gntdev::open().unwrap());
    let shared = gntalloc.share::<ReadWrite>(peer(0), 2).unwrap();
    assert!(shared.pages().all(|page| page.read_obj::<[u8; 4096]>(0).unwrap() == [0; 4096]));
    shared.page(1).unwrap().write(0, b"for all!").unwrap();
    let [_, second] = shared.references().collect::<Vec<_>>()[..] else { panic!("two pages") };
    let mapping = gntdev.map::<ReadOnly>(RemoteGrant::new(peer(0), second)).unwrap();
    assert_eq!(&mapping.page(0).unwrap().read_obj::<[u8; 8]>(0).unwrap(), b"for all!");
    mapping.unmap().unwrap();
    shared.notify(1, UnmapNotify::clear_byte(0)).unwrap();
    shared.unshare().unwrap();
    assert!(gntdev.map::<ReadOnly>(RemoteGrant::new(peer(0), second)).is_err());
}

/// All pages that the kernel lends can be shared, and again when they are back.
fn limit() {
    let gntalloc = Gntalloc::open().unwrap();
    for _ in 0..2 {
        let all = gntalloc.share::<ReadOnly>(peer(1), 1024).unwrap();
        let error = gntalloc.share::<ReadOnly>(peer(1), 1).unwrap_err();
        assert_eq!(error.cause(), &Cause::Exhausted);
        drop(all);
    }
}

/// An event comes once, until its port is unmasked.
fn events() {
    let evtchn = Evtchn::open().unwrap();
    let one = evtchn.bind_unbound(domid_t(0)).unwrap();
    let other = evtchn.bind_interdomain(domid_t(0), one.number()).unwrap();
    let mut ports = [evtchn_port_t(0); 4];
    assert_eq!(evtchn.pending(&mut ports).unwrap(), None);
    for _ in 0..3 {
        one.notify().unwrap();
        assert!(evtchn.wait(None).unwrap());
        assert_eq!(evtchn.pending(&mut ports).unwrap(), Some(&[other.number()][..]));
        one.notify().unwrap();
        assert!(!evtchn.wait(Some(Duration::ZERO)).unwrap());
        other.unmask().unwrap();
        assert!(evtchn.wait(None).unwrap());
        assert_eq!(evtchn.pending(&mut ports).unwrap(), Some(&[other.number()][..]));
        other.unmask().unwrap();
    }
    assert_eq!(evtchn.bind_virq(0).unwrap().number(), evtchn_port_t(3));
    other.unbind().unwrap();
}

/// Each frame is there, or there is a reason.
fn foreign_frames() {
    let xen = Privcmd::open().unwrap();
    let frames = [5, 13, 1 << 20, 6].map(xen_pfn_t);
    let mut frames = xen.map::<ReadOnly>(peer(1), &frames).unwrap();
    let number = |frame| frames.frame(frame).map(|page| page.read_obj::<u64>(0).unwrap());
    assert_eq!([0, 1, 2, 3].map(number), [Some(5), None, None, Some(6)]);
    assert_eq!(
        [0, 1, 2].map(|at| frames.error(at)),
        [None, Some(Errno::NOENT), Some(Errno::INVAL)]
    );
    assert!(frames.all().is_err());
    assert_eq!(frames.try_again().unwrap(), 1);
    frames.unmap().unwrap();
}

fn resources() {
    let xen = Privcmd::open().unwrap();
    let table = Resource::GrantTable { status: false };
    assert_eq!(xen.resource_size(peer(1), table).unwrap(), 4);
    let pages = xen.map_resource::<ReadWrite>(peer(1), table, 1, 3).unwrap();
    let number = |frame| pages.frame(frame).unwrap().read_obj::<u64>(0).unwrap();
    assert_eq!([0, 1, 2].map(number), [1, 2, 3]);
    pages.unmap().unwrap();
    assert!(xen.map_resource::<ReadOnly>(peer(1), table, 3, 2).is_err());
}

fn hypercalls() {
    let xen = Privcmd::open().unwrap();
    assert_eq!(xen_version::version(&xen), Ok(4 << 16 | 20));
    assert_eq!(xen_version::extraversion(&xen).unwrap()[..3], *b".0\0");
    let size = grant_table_op::query_size(&xen, domid_t(1)).unwrap();
    assert_eq!((size.nr_frames, size.max_nr_frames), (1, 64));
    assert_eq!(memory_op::current_reservation(&xen, domid_t(1)).unwrap(), 0x8000);
    assert!(memory_op::current_reservation(&xen, domid_t(7)).is_err());
    xen.restrict(domid_t(1)).unwrap();
    assert!(xen_version::version(&xen).is_err());
}
