//! `/dev/xen/privcmd`.

use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::event::EventfdFlags;
use xen_abi::hvm::dm_op::{XEN_DMOP_nr_vcpus, xen_dm_op};
use xen_linux::privcmd::{Buffer, QueueNotify, ResourceFrames, Width};
use xen_linux::{DomainId, Error, Privcmd, ReadOnly, ReadWrite, domid_t, evtchn_port_t, xen_pfn_t};
use xen_ops::hypercall::xen_version::Varbuf;
use xen_ops::hypercall::{grant_table_op, memory_op, xen_version};
use xen_ops::memory::acquire::Resource;

use crate::{Case, Window};

pub(crate) const CASES: &[Case] = &[
    ("privcmd-open", open),
    ("hypercall", hypercall),
    ("hypercall-buffer", hypercall_buffer),
    ("hypercall-wide", hypercall_wide),
    ("hypercall-large", hypercall_large),
    ("foreign-map", foreign_map),
    ("foreign-retry", foreign_retry),
    ("foreign-unmap", foreign_unmap),
    ("resource-size", resource_size),
    ("resource-map", resource_map),
    ("dm-op", dm_op),
    ("irqfd", irqfd),
    ("irqfd-deassign", irqfd_deassign),
    ("ioeventfd", ioeventfd),
    ("ioeventfd-deassign", ioeventfd_deassign),
    ("restrict", restrict),
];

fn peer() -> DomainId {
    DomainId::new(domid_t(1)).unwrap()
}

fn privcmd() -> Privcmd {
    Privcmd::open().unwrap()
}

fn open(window: Window) {
    window.first(|| Privcmd::open().map(drop));
}

fn hypercall(window: Window) {
    let xen = privcmd();
    window.again(|| xen_version::version(&xen).map(drop));
}

/// With an argument that Xen reads and writes.
fn hypercall_buffer(window: Window) {
    let xen = privcmd();
    window.again(|| grant_table_op::query_size(&xen, domid_t(1)).map(drop));
}

/// With a result wider than that of an ioctl.
fn hypercall_wide(window: Window) {
    let xen = privcmd();
    window.again(|| memory_op::current_reservation(&xen, domid_t(1)).map(drop));
}

/// With an argument larger than the pool of bounce buffers.
fn hypercall_large(window: Window) {
    let xen = privcmd();
    let buffer = RefCell::new(Varbuf::<[u8; 300_000]>::new());
    window.again(|| xen_version::build_id(&xen, &mut *buffer.borrow_mut()).map(drop));
}

fn foreign_map(window: Window) {
    let xen = privcmd();
    let frames = [5, 1, 6].map(xen_pfn_t);
    window.again(|| xen.map_frames(peer(), &frames, ReadOnly)?.all());
}

/// One of the frames is paged out, and stays so.
fn foreign_retry(window: Window) {
    let xen = privcmd();
    let frames = RefCell::new(xen.map_frames(peer(), &[5, 13].map(xen_pfn_t), ReadWrite).unwrap());
    window.again(|| frames.borrow_mut().retry().map(drop));
}

fn foreign_unmap(window: Window) {
    let xen = privcmd();
    window.again(|| Ok::<_, Error>(xen.map_frames(peer(), &[xen_pfn_t(5)], ReadWrite)?.unmap()?));
}

const TABLE: Resource = Resource::GrantTable { status: false };

fn resource_size(window: Window) {
    let xen = privcmd();
    window.again(|| xen.resource_size(peer(), TABLE).map(drop));
}

fn resource_map(window: Window) {
    let xen = privcmd();
    window.again(|| xen.map_resource(peer(), TABLE, 1, 2, ReadOnly).map(drop));
}

fn dm_op(window: Window) {
    let xen = privcmd();
    window.again(|| {
        let mut operation = xen_dm_op { op: XEN_DMOP_nr_vcpus, ..xen_dm_op::ZERO };
        xen.dm_op(peer(), &mut [Buffer::value(&mut operation)])
    });
}

fn eventfd() -> OwnedFd {
    rustix::event::eventfd(0, EventfdFlags::CLOEXEC).unwrap()
}

/// Without a report of what goes wrong at the end.
fn irqfd(window: Window) {
    let (xen, eventfd) = (privcmd(), eventfd());
    window.again(|| xen.irqfd(peer(), &xen_dm_op::ZERO, &eventfd).map(drop));
}

fn irqfd_deassign(window: Window) {
    let (xen, eventfd) = (privcmd(), eventfd());
    let irqfd = || xen.irqfd(peer(), &xen_dm_op::ZERO, &eventfd);
    window.again(|| Ok::<_, Error>(irqfd()?.deassign()?));
}

/// The frames of a server, and the write.
fn server(xen: &Privcmd) -> (Arc<ResourceFrames<ReadWrite>>, QueueNotify) {
    let resource = Resource::IoreqServer { id: 1 };
    let frames = xen.map_resource(peer(), resource, 1, 1, ReadWrite).unwrap();
    let notify = QueueNotify { device: 0x0200_0000, queue: 1, width: Width::U32 };
    (Arc::new(frames), notify)
}

fn ioeventfd(window: Window) {
    let (xen, eventfd) = (privcmd(), eventfd());
    let (frames, notify) = server(&xen);
    let ports = [evtchn_port_t(1)];
    window.again(|| xen.ioeventfd(peer(), &frames, &ports, notify, &eventfd).map(drop));
}

fn ioeventfd_deassign(window: Window) {
    let (xen, eventfd) = (privcmd(), eventfd());
    let (frames, notify) = server(&xen);
    let ports = [evtchn_port_t(1)];
    let ioeventfd = || xen.ioeventfd(peer(), &frames, &ports, notify, &eventfd);
    window.again(|| Ok::<_, Error>(ioeventfd()?.deassign()?));
}

fn restrict(window: Window) {
    let xen = privcmd();
    window.first(|| xen.restrict(peer()));
}
