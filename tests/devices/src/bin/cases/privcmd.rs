//! `/dev/xen/privcmd`.

use std::cell::RefCell;

use xen_abi::hvm::dm_op::{XEN_DMOP_destroy_ioreq_server, xen_dm_op};
use xen_abi::xen::{domid_t, xen_pfn_t};
use xen_linux::privcmd::{Buffer, Privcmd};
use xen_ops::DomainId;
use xen_ops::hypercall::xen_version::Varbuf;
use xen_ops::hypercall::{grant_table_op, memory_op, xen_version};
use xen_ops::memory::acquire::Resource;
use xen_ops::view::{ReadOnly, ReadWrite};

use crate::{Case, Window};

pub(crate) const CASES: &[Case] = &[
    ("privcmd-open", open),
    ("hypercall", hypercall),
    ("hypercall-buffer", hypercall_buffer),
    ("hypercall-wide", hypercall_wide),
    ("hypercall-large", hypercall_large),
    ("foreign-map", foreign_map),
    ("foreign-try-again", foreign_try_again),
    ("foreign-unmap", foreign_unmap),
    ("resource-size", resource_size),
    ("resource-map", resource_map),
    ("dm-op", dm_op),
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

/// With a result of more bits than an ioctl's.
fn hypercall_wide(window: Window) {
    let xen = privcmd();
    window.again(|| memory_op::current_reservation(&xen, domid_t(1)).map(drop));
}

/// With an argument larger than the memory kept for arguments.
fn hypercall_large(window: Window) {
    let xen = privcmd();
    let buffer = RefCell::new(Varbuf::<[u8; 300_000]>::new());
    window.again(|| xen_version::build_id(&xen, &mut *buffer.borrow_mut()).map(drop));
}

fn foreign_map(window: Window) {
    let xen = privcmd();
    let frames = [5, 1, 6].map(xen_pfn_t);
    window.again(|| xen.map::<ReadOnly>(peer(), &frames)?.all());
}

/// One of the frames is paged out, and stays so.
fn foreign_try_again(window: Window) {
    let xen = privcmd();
    let frames = RefCell::new(xen.map::<ReadWrite>(peer(), &[5, 13].map(xen_pfn_t)).unwrap());
    window.again(|| frames.borrow_mut().try_again().map(drop));
}

fn foreign_unmap(window: Window) {
    let xen = privcmd();
    window.again(|| xen.map::<ReadWrite>(peer(), &[xen_pfn_t(5)])?.unmap());
}

const TABLE: Resource = Resource::GrantTable { status: false };

fn resource_size(window: Window) {
    let xen = privcmd();
    window.again(|| xen.resource_size(peer(), TABLE).map(drop));
}

fn resource_map(window: Window) {
    let xen = privcmd();
    window.again(|| xen.map_resource::<ReadOnly>(peer(), TABLE, 1, 2).map(drop));
}

fn dm_op(window: Window) {
    let xen = privcmd();
    window.again(|| {
        let mut operation = xen_dm_op { op: XEN_DMOP_destroy_ioreq_server, ..xen_dm_op::ZERO };
        xen.dm_op(peer(), &mut [Buffer::value(&mut operation)])
    });
}

fn restrict(window: Window) {
    let xen = privcmd();
    window.first(|| xen.restrict(domid_t(1)));
}
