//! Right uses: what the crate is for.

use std::sync::Arc;
use std::time::Duration;

use rustix::event::EventfdFlags;
use xen_abi::grant_table::{GNTST_bad_gntref, GNTST_general_error};
use xen_abi::hvm::dm_op::{XEN_DMOP_destroy_ioreq_server, xen_dm_op};
use xen_linux::gntdev::Memory;
use xen_linux::privcmd::{Buffer, IoRange, QueueNotify, Width};
use xen_linux::{
    Cause, DomainId, Errno, Evtchn, Failed, Gntalloc, Gntdev, Grants, PortSet, Privcmd, ReadOnly,
    ReadWrite, RemoteGrant, Segment, UnmapNotify, domid_t, evtchn_port_t, grant_ref_t, xen_pfn_t,
};
use xen_ops::hypercall::{grant_table_op, memory_op, sched_op, xen_version};
use xen_ops::memory::ForeignMemory;
use xen_ops::memory::acquire::Resource;

use crate::Use;

pub(crate) const USES: &[Use] = &[
    ("map", map),
    ("failed-unmap", failed_unmap),
    ("failed-releases", failed_releases),
    ("notify", notify),
    ("copy", copy),
    ("dmabuf", dmabuf),
    ("share", share),
    ("limit", limit),
    ("events", events),
    ("port-set", port_set),
    ("foreign-frames", foreign_frames),
    ("foreign-writes", foreign_writes),
    ("resources", resources),
    ("ioreq-servers", ioreq_servers),
    ("eventfds", eventfds),
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

/// Pages of several domains are mapped together, read and written.
fn map() {
    let gntdev = Gntdev::open().unwrap();
    // The others come after it in the device.
    let first = gntdev.map(grant(1, 21), ReadOnly).unwrap();
    let mut grants: Grants = [grant(1, 20), grant(2, 30), grant(1, 8)].into_iter().collect();
    let mapping = gntdev.map_all(&mut grants, ReadWrite).unwrap();
    let words = mapping.pages().map(|page| page.read_obj::<[u32; 2]>(0).unwrap());
    assert!(words.eq([[1, 20], [2, 30], [1, 8]]));
    let located = gntdev.locate(mapping.as_ptr() as usize).unwrap();
    assert_eq!((located.offset, located.count), (mapping.offset(), 3));
    assert!(mapping.offset() >= first.stride() as u64);
    mapping.page(1).unwrap().write(64, b"written!").unwrap();
    mapping.unmap().unwrap();
    assert_eq!(&bytes(&gntdev, grant(2, 30), 64), b"written!");
    let page = gntdev.map(grant(2, 30), ReadOnly).unwrap();
    assert_eq!(&page.page(0).unwrap().read_obj::<[u8; 8]>(64).unwrap(), b"written!");
}

/// A mapping that could not be unmapped is returned, and is still mapped. `tests/uses.rs` makes `munmap`
/// fail.
fn failed_unmap() {
    let mapping = Gntdev::open().unwrap().map(grant(1, 8), ReadWrite).unwrap();
    let Err(Failed { error, returned }) = mapping.unmap() else { return println!("unmapped") };
    let mapping = returned.unwrap();
    assert_eq!(mapping.page(0).unwrap().read_obj::<[u32; 2]>(0).unwrap(), [1, 8]);
    mapping.unmap().unwrap();
    println!("{error}");
}

/// What could not be released is returned, unless the kernel does not know it. `tests/uses.rs` makes the
/// releases fail.
fn failed_releases() {
    fn tell<T>(what: &str, result: Result<(), Failed<xen_linux::Error, T>>) {
        let outcome = result.map_or_else(
            |failed| if failed.returned.is_some() { "returned" } else { "gone" },
            |()| "released",
        );
        println!("{what} {outcome}");
    }
    let port = Evtchn::open().unwrap().bind_unbound(domid_t(0)).unwrap();
    let gntdev = Gntdev::open().unwrap();
    let buffer = gntdev.export(peer(1), &[grant_ref_t(8)], Memory::Any).unwrap();
    let imported = gntdev.import(&buffer, peer(2), 1).unwrap();
    let xen = Privcmd::open().unwrap();
    let resource = Resource::IoreqServer { id: 1 };
    let frames = Arc::new(xen.map_resource(peer(1), resource, 1, 1, ReadWrite).unwrap());
    let kick = rustix::event::eventfd(0, EventfdFlags::CLOEXEC).unwrap();
    let notify = QueueNotify { device: 0x0200_0000, queue: 0, width: Width::U32 };
    let ports = [port.number()];
    let ioeventfd = xen.ioeventfd(peer(1), &frames, &ports, notify, &kick).unwrap();
    tell("port", port.unbind());
    tell("import", imported.release());
    tell("ioeventfd", ioeventfd.deassign());
}

/// A byte and an event tell the other domain that a page is unmapped.
fn notify() {
    let (gntdev, evtchn) = (Gntdev::open().unwrap(), Evtchn::open().unwrap());
    let one = evtchn.bind_unbound(domid_t(0)).unwrap();
    let other = evtchn.bind_interdomain(domid_t(0), one.number()).unwrap();
    let mapping = gntdev.map(grant(1, 8), ReadWrite).unwrap();
    mapping.page(0).unwrap().write(16, &[1; 8]).unwrap();
    mapping.notify(0, UnmapNotify::clear_byte(19).and_send_event(one.number())).unwrap();
    assert!(!evtchn.wait(Some(Duration::ZERO)).unwrap());
    drop(mapping);
    // The device looks at the mappings when it is called.
    assert_eq!(bytes(&gntdev, grant(1, 8), 16), [1, 1, 1, 0, 1, 1, 1, 1]);
    let mut ports = [evtchn_port_t(0); 2];
    assert_eq!(evtchn.pending(&mut ports).unwrap(), Some(&[other.number()][..]));
}

/// Every segment has its own result.
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

/// Shared pages are zero, and another domain maps them: here it is the same.
fn share() {
    let (gntalloc, gntdev) = (Gntalloc::open().unwrap(), Gntdev::open().unwrap());
    let shared = gntalloc.share(peer(0), 2, ReadWrite).unwrap();
    assert!(shared.pages().all(|page| page.read_obj::<[u8; 4096]>(0).unwrap() == [0; 4096]));
    shared.page(1).unwrap().write(0, b"for all!").unwrap();
    let [_, second] = shared.references().collect::<Vec<_>>()[..] else { panic!("two pages") };
    let mapping = gntdev.map(RemoteGrant::new(peer(0), second), ReadOnly).unwrap();
    assert_eq!(&mapping.page(0).unwrap().read_obj::<[u8; 8]>(0).unwrap(), b"for all!");
    mapping.unmap().unwrap();
    shared.notify(1, UnmapNotify::clear_byte(0)).unwrap();
    shared.unshare().unwrap();
    assert!(gntdev.map(RemoteGrant::new(peer(0), second), ReadOnly).is_err());

    // What is shared for reading cannot be mapped for writing.
    for (writable, shared) in [
        (false, gntalloc.share(peer(0), 1, ReadOnly).unwrap()),
        (true, gntalloc.share(peer(0), 1, ReadWrite).unwrap()),
    ] {
        let grant = RemoteGrant::new(peer(0), shared.references().next().unwrap());
        assert_eq!(gntdev.map(grant, ReadWrite).is_ok(), writable);
        assert!(gntdev.map(grant, ReadOnly).is_ok());
    }
}

/// All pages up to the kernel's limit can be shared, and again once they are unshared.
fn limit() {
    let gntalloc = Gntalloc::open().unwrap();
    for _ in 0..2 {
        let all = gntalloc.share(peer(1), 1024, ReadOnly).unwrap();
        let error = gntalloc.share(peer(1), 1, ReadOnly).unwrap_err();
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

/// A set has ports by number, and waits for their events.
fn port_set() {
    let mut set = PortSet::open().unwrap();
    let one = set.bind_unbound(peer(0), "one").unwrap();
    let other = set.bind_interdomain(peer(0), one, "other").unwrap();
    let virq = set.bind_virq(0, "virq").unwrap();
    assert_eq!(set.len(), 3);
    assert_eq!(set.wait(Some(Duration::ZERO)).unwrap(), None);
    for _ in 0..3 {
        set.notify(one).unwrap();
        assert_eq!(set.wait(None).unwrap(), Some(other));
        assert_eq!(set.get(other), Some(&"other"));
        // Masked, until it is unmasked.
        set.notify(one).unwrap();
        assert_eq!(set.wait(Some(Duration::ZERO)).unwrap(), None);
        set.unmask(other).unwrap();
        assert_eq!(set.wait(None).unwrap(), Some(other));
        set.unmask(other).unwrap();
    }
    assert_eq!(set.remove(virq).unwrap(), Some("virq"));
    assert_eq!(set.notify(virq).unwrap_err().as_errno(), Some(Errno::NOTCONN));
    // The other end is unbound then, and can be bound anew, with another value.
    assert_eq!(set.remove(other).unwrap(), Some("other"));
    assert!(set.iter().eq([(one, &"one")]));
    let again = set.bind_interdomain(peer(0), one, "again").unwrap();
    assert_eq!((set.get(again), set.len()), (Some(&"again"), 2));
}

/// Each frame is mapped, or has an error.
fn foreign_frames() {
    let xen = Privcmd::open().unwrap();
    let frames = [5, 13, 1 << 20, 6].map(xen_pfn_t);
    let mut frames = xen.map_frames(peer(1), &frames, ReadOnly).unwrap();
    let number = |frame| frames.frame(frame).map(|page| page.read_obj::<u64>(0).unwrap());
    assert_eq!([0, 1, 2, 3].map(number), [Some(5), None, None, Some(6)]);
    assert_eq!(
        [0, 1, 2].map(|at| frames.error(at)),
        [None, Some(Errno::NOENT), Some(Errno::INVAL)]
    );
    assert!(frames.all().is_err());
    assert_eq!(frames.retry().unwrap(), 1);
    frames.unmap().unwrap();
}

/// Bytes are written to the frames that they are in, and to no others.
fn foreign_writes() {
    let xen = Privcmd::open().unwrap();
    let write = |address, length| ForeignMemory::write(&xen, peer(1), address, &vec![1; length]);
    // The last frame that there is before one that is paged out, and the last of all.
    for end in [13 << 12, 1 << 32] {
        for (offset, length) in [(4096, 4096), (4096, 100), (10, 10), (4100, 4100), (8192, 8192)] {
            assert_eq!(write(end - offset, length), Ok(()), "{offset} {length}");
            assert!(write(end - offset, offset as usize + 1).is_err(), "{offset}");
        }
    }
    let table = Resource::GrantTable { status: false };
    let write = |frame, offset| xen.write_resource(peer(1), table, frame, offset, &[1; 8]);
    assert_eq!(write(3, 4088), Ok(()));
    assert!(write(3, 4089).is_err() && write(4, 0).is_err());
}

fn resources() {
    let xen = Privcmd::open().unwrap();
    let table = Resource::GrantTable { status: false };
    assert_eq!(xen.resource_size(peer(1), table).unwrap(), 4);
    let pages = xen.map_resource(peer(1), table, 1, 3, ReadWrite).unwrap();
    let number = |frame| pages.frame(frame).unwrap().read_obj::<u64>(0).unwrap();
    assert_eq!([0, 1, 2].map(number), [1, 2, 3]);
    assert!(pages.frame(3).is_none());
    pages.unmap().unwrap();
    for first in 0..4 {
        let page = xen.map_resource(peer(1), table, first, 1, ReadOnly).unwrap();
        assert_eq!(page.frame(0).unwrap().read_obj::<u64>(0).unwrap(), u64::from(first));
    }
    assert!(xen.map_resource(peer(1), table, 3, 2, ReadOnly).is_err());
}

/// A server has ranges of accesses and pages, until it is destroyed.
fn ioreq_servers() {
    let xen = Privcmd::open().unwrap();
    let errno = |error: xen_linux::Error| error.as_errno();
    let server = xen.create_ioreq_server(peer(1), true).unwrap();
    let plain = xen.create_ioreq_server(peer(1), false).unwrap();
    assert_eq!((server.domain(), server.id(), plain.id()), (peer(1), 1, 2));
    assert_eq!(server.buffered_port(), Ok(Some(evtchn_port_t(17))));
    assert_eq!(plain.buffered_port(), Ok(None));

    // The same numbers are other accesses of another kind or another server.
    let ranges = [
        IoRange::Ports(0x510..=0x511),
        IoRange::Ports(0x500..=0x50f),
        IoRange::Memory(0x510..=0x511),
        IoRange::Pci(0x510),
    ];
    for server in [&server, &plain] {
        ranges.iter().for_each(|range| server.add_range(range).unwrap());
    }
    let again = IoRange::Ports(0x511..=0x512);
    assert_eq!(server.add_range(&again).map_err(errno), Err(Some(Errno::EXIST)));
    assert_eq!(server.remove_range(&again).map_err(errno), Err(Some(Errno::NOENT)));
    server.remove_range(&ranges[0]).unwrap();
    server.add_range(&again).unwrap();
    server.set_enabled(true).unwrap();

    // There are four frames: the ring, and the requests of three times 128 vCPUs.
    for server in [&server, &plain] {
        assert_eq!(server.map_pages(384).unwrap().vcpus(), 384);
        assert_eq!(server.map_pages(385).map_err(errno).unwrap_err(), Some(Errno::INVAL));
        for vcpus in [0, 4097] {
            let error = server.map_pages(vcpus).unwrap_err();
            assert_eq!(error.cause(), &Cause::Count { count: vcpus, min: 1, max: 4096 });
        }
    }

    // Numbers of servers that are destroyed, or dropped, are free again.
    server.destroy().unwrap();
    let server = xen.create_ioreq_server(peer(1), false).unwrap();
    assert_eq!(server.id(), 1);
    drop(server);
    let server = xen.create_ioreq_server(peer(1), false).unwrap();
    assert_eq!(server.id(), 1);
    // One that Xen does not know is returned.
    let mut operation = xen_dm_op { op: XEN_DMOP_destroy_ioreq_server, ..xen_dm_op::ZERO };
    operation.u.destroy_ioreq_server_mut().id = 1;
    xen.dm_op(peer(1), &mut [Buffer::value(&mut operation)]).unwrap();
    assert_eq!(server.set_enabled(true).map_err(errno), Err(Some(Errno::NOENT)));
    let failed = server.destroy().unwrap_err();
    assert_eq!((failed.error.as_errno(), failed.returned.unwrap().id()), (Some(Errno::NOENT), 1));
}

/// Interrupts and writes have an eventfd, each until it is deassigned.
fn eventfds() {
    let xen = Privcmd::open().unwrap();
    let eventfd = || rustix::event::eventfd(0, EventfdFlags::CLOEXEC).unwrap();
    let (call, kick, other) = (eventfd(), eventfd(), eventfd());
    let errno = |error: xen_linux::Error| error.as_errno();
    let irqfd = xen.irqfd(peer(1), &xen_dm_op::ZERO, &call).unwrap();
    let again = xen.irqfd(peer(1), &xen_dm_op::ZERO, &call);
    assert_eq!(again.map_err(errno).unwrap_err(), Some(Errno::BUSY));
    irqfd.deassign().unwrap();
    drop(xen.irqfd(peer(1), &xen_dm_op::ZERO, &call).unwrap());
    let wrong = xen.irqfd(peer(1), &xen_dm_op::ZERO, &xen);
    assert_eq!(wrong.map_err(errno).unwrap_err(), Some(Errno::INVAL));

    let resource = Resource::IoreqServer { id: 1 };
    let frames = Arc::new(xen.map_resource(peer(1), resource, 1, 1, ReadWrite).unwrap());
    let ports = [evtchn_port_t(1), evtchn_port_t(2)];
    let notify = |queue| QueueNotify { device: 0x0200_0000, queue, width: Width::U32 };
    let first = xen.ioeventfd(peer(1), &frames, &ports, notify(0), &kick).unwrap();
    let second = xen.ioeventfd(peer(1), &frames, &ports, notify(1), &other).unwrap();
    // Another number of vCPUs with the same frames.
    let wrong = xen.ioeventfd(peer(1), &frames, &ports[..1], notify(2), &call);
    assert_eq!(wrong.map_err(errno).unwrap_err(), Some(Errno::INVAL));
    // More vCPUs than there are requests in a page, and none.
    for ports in [&[evtchn_port_t(1); 129][..], &[]] {
        let error = xen.ioeventfd(peer(1), &frames, ports, notify(2), &call).unwrap_err();
        assert!(matches!(error.cause(), Cause::Count { min: 1, max: 128, .. }));
    }
    // The frames stay mapped as long as one of them is assigned.
    assert!(Arc::into_inner(frames).is_none());
    first.deassign().unwrap();
    drop(second);
}

fn hypercalls() {
    let xen = Privcmd::open().unwrap();
    assert_eq!(xen_version::version(&xen), Ok(4 << 16 | 20));
    assert_eq!(xen_version::extraversion(&xen).unwrap()[..3], *b".0\0");
    let size = grant_table_op::query_size(&xen, domid_t(1)).unwrap();
    assert_eq!((size.nr_frames, size.max_nr_frames), (1, 64));
    assert_eq!(memory_op::current_reservation(&xen, domid_t(1)).unwrap(), 0x8000);
    assert!(memory_op::current_reservation(&xen, domid_t(7)).is_err());
    // A result that no `int` holds.
    assert_eq!(sched_op::watchdog(&xen, 0, 10), Ok(4_294_967_268));
    xen.restrict(peer(1)).unwrap();
    assert!(xen_version::version(&xen).is_err());
}
