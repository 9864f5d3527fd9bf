//! `memory_op`, as far as a domain may call it for itself.

#![allow(unsafe_code, reason = "takes pages away and puts them back")]

use core::ptr;

use xen_abi::GuestHandle;
use xen_abi::Plain;
use xen_abi::memory::*;
use xen_abi::xen::{__HYPERVISOR_memory_op, DOMID_SELF, domid_t, xen_pfn_t};
use xen_ops::hypercall::memory_op::*;
use xen_ops::page::MapTarget;

use crate::frame;
use crate::outcome::{Outcome, Returned, Value};
use crate::{Guest, Run};

/// Memory from any node.
const ANYWHERE: MemoryFlags = MemoryFlags::empty();

const NO_DOMAIN: domid_t = domid_t(777);
const INVALID_GFN: xen_pfn_t = xen_pfn_t(!0);

pub(crate) fn memory<G: Guest>(run: &mut Run<'_, G>) {
    sizes(run);
    reservations(run);
    physmap(run);
    batches(run);
    resources(run);
    maps(run);
    let bad = run.guest.bad_address();
    op(run, "unknown operation", 50, 0);
    op(run, "current_reservation, bad address", XENMEM_current_reservation, bad);
    op(run, "populate_physmap, bad address", XENMEM_populate_physmap, bad);
    op(run, "add_to_physmap, bad address", XENMEM_add_to_physmap, bad);
}

/// Makes the hypercall itself.
fn op<G: Guest>(run: &mut Run<'_, G>, name: &str, command: u32, at: usize) {
    // SAFETY: only what can be read and written is handed over, or nothing.
    unsafe { run.raw(name, __HYPERVISOR_memory_op, [command as usize, at, 0]) };
}

/// The same, with an argument.
fn op_with<G: Guest, T: Plain>(run: &mut Run<'_, G>, name: &str, command: u32, argument: &mut T) {
    op(run, name, command, ptr::from_mut(argument).expose_provenance());
}

fn sizes<G: Guest>(run: &mut Run<'_, G>) {
    let xen = run.guest.xen();
    let answers = [
        ("maximum_ram_page", maximum_ram_page(xen)),
        ("current_reservation", current_reservation(xen, DOMID_SELF)),
        ("current_reservation, no such domain", current_reservation(xen, NO_DOMAIN)),
        ("maximum_reservation", maximum_reservation(xen, DOMID_SELF)),
        ("maximum_reservation, no such domain", maximum_reservation(xen, NO_DOMAIN)),
        ("maximum_gpfn", maximum_gpfn(xen, DOMID_SELF)),
        ("maximum_gpfn, no such domain", maximum_gpfn(xen, NO_DOMAIN)),
    ];
    for (name, answer) in answers {
        run.outcome(name, answer);
    }
}

fn reservations<G: Guest>(run: &mut Run<'_, G>) {
    // What is taken away is put back, so that the domain never has more than it may.
    let frame = [run.guest.loose_frame()];
    let before = current_reservation(run.guest.xen(), DOMID_SELF).unwrap_or(0);
    let change = |run: &mut Run<'_, G>, name: &str| {
        let now = current_reservation(run.guest.xen(), DOMID_SELF).unwrap_or(0);
        run.step(name, now.wrapping_sub(before) as isize);
    };
    for (name, domid, order) in [
        ("decrease_reservation, no such domain", NO_DOMAIN, 0),
        ("decrease_reservation", DOMID_SELF, 0),
        ("decrease_reservation, gone already", DOMID_SELF, 0),
    ] {
        // SAFETY: nothing uses the page.
        let done = unsafe { decrease_reservation(run.guest.xen(), &frame, order, ANYWHERE, domid) };
        run.step(name, Value(done));
    }
    change(run, "decrease_reservation, change of the number of pages");
    let place = match run.guest.kind().is_translated() {
        true => frame[0],
        // A PV guest numbers its pages itself.
        false => xen_pfn_t(0),
    };
    for (name, domid, order) in [
        ("populate_physmap, no such domain", NO_DOMAIN, 0),
        ("populate_physmap, order too large", DOMID_SELF, 60),
        ("populate_physmap", DOMID_SELF, 0),
    ] {
        // SAFETY: nothing is there.
        let done =
            unsafe { populate_physmap(run.guest.xen(), &mut [place], order, ANYWHERE, domid) };
        run.step(name, Value(done));
    }
    change(run, "populate_physmap, change of the number of pages");
    // SAFETY: an empty list.
    let done = unsafe { populate_physmap(run.guest.xen(), &mut [], 0, ANYWHERE, DOMID_SELF) };
    run.step("populate_physmap, no extents", Value(done));
    let done = increase_reservation(run.guest.xen(), &mut [place], 60, ANYWHERE, DOMID_SELF);
    run.step("increase_reservation, order too large", Value(done));

    let mut exchanged = xen_memory_exchange { nr_exchanged: 1, ..xen_memory_exchange::ZERO };
    op_with(run, "exchange, begun already", XENMEM_exchange, &mut exchanged);
    let mut exchanged = xen_memory_exchange::ZERO;
    exchanged.in_.nr_extents = 1;
    op_with(run, "exchange, of different size", XENMEM_exchange, &mut exchanged);
    let claimed = claim_pages(run.guest.xen(), 0, 0, ANYWHERE, DOMID_SELF);
    run.outcome("claim_pages, DOMID_SELF", claimed);
}

fn physmap<G: Guest>(run: &mut Run<'_, G>) {
    let hole = frame::at(run.guest.target().host_addr());
    let (grants, invalid) = (XENMAPSPACE_grant_table, INVALID_GFN);
    for (name, domid, space, index, frame) in [
        ("shared_info, index 1", DOMID_SELF, XENMAPSPACE_shared_info, 1, hole),
        ("grant_table, beyond all", DOMID_SELF, grants, 5000, hole),
        ("grant_table, no frame", DOMID_SELF, grants, 0, invalid),
        ("gmfn_foreign", DOMID_SELF, XENMAPSPACE_gmfn_foreign, 0, hole),
        ("unknown space", DOMID_SELF, 99, 0, hole),
        ("no such domain", NO_DOMAIN, grants, 0, hole),
    ] {
        // SAFETY: nothing is there.
        let added = unsafe { add_to_physmap(run.guest.xen(), domid, 0, space, index, frame) };
        run.outcome(format_args!("add_to_physmap, {name}"), added);
    }
    let page = run.guest.loose_frame();
    for (name, domid, frame) in [
        ("no such domain", NO_DOMAIN, page),
        ("no frame", DOMID_SELF, invalid),
        ("a page", DOMID_SELF, page),
        ("nothing there", DOMID_SELF, page),
    ] {
        // SAFETY: nothing uses the page.
        let removed = unsafe { remove_from_physmap(run.guest.xen(), domid, frame) };
        run.outcome(format_args!("remove_from_physmap, {name}"), removed);
    }
}

fn batches<G: Guest>(run: &mut Run<'_, G>) {
    let hole = frame::at(run.guest.target().host_addr());
    let none = xen_add_to_physmap_batch_extra::from_res0(0);
    let (grants, range) = (XENMAPSPACE_grant_table as u16, XENMAPSPACE_gmfn_range as u16);
    for (name, domid, space, index, frame, count) in [
        ("no frames", DOMID_SELF, grants, 0, hole, 0),
        ("no such domain", NO_DOMAIN, grants, 0, hole, 1),
        ("beyond the table", DOMID_SELF, grants, 5000, hole, 1),
        ("no frame", DOMID_SELF, grants, 0, INVALID_GFN, 1),
        ("range", DOMID_SELF, range, 0, hole, 1),
    ] {
        let (indices, frames, mut errors) = ([index], [frame], [77]);
        let (indices, frames) = (&indices[..count], &frames[..count]);
        let errors = &mut errors[..count];
        // SAFETY: nothing is there.
        let result = unsafe {
            add_to_physmap_batch(run.guest.xen(), domid, space, none, indices, frames, errors)
        };
        run.step(format_args!("add_to_physmap_batch, {name}"), Outcome::of(&result));
        if let Some(error) = errors.first() {
            let error = Returned(*error as isize);
            run.step(format_args!("add_to_physmap_batch, {name}, its own error"), error);
        }
    }
}

fn resources<G: Guest>(run: &mut Run<'_, G>) {
    let me = run.guest.domid();
    let grants = XENMEM_resource_grant_table as u16;
    for (name, domid) in
        [("no such domain", NO_DOMAIN), ("DOMID_SELF", DOMID_SELF), ("own number", me)]
    {
        let size = acquire_resource_size(run.guest.xen(), domid, grants, 0);
        run.outcome(format_args!("acquire_resource, {name}"), size);
        run.step(format_args!("acquire_resource, {name}, frames"), size.unwrap_or(0));
    }
    let mut odd = xen_mem_acquire_resource { pad: 1, ..xen_mem_acquire_resource::ZERO };
    op_with(run, "acquire_resource, padding", XENMEM_acquire_resource, &mut odd);
    let mut topology =
        xen_vnuma_topology_info { domid: DOMID_SELF, ..xen_vnuma_topology_info::ZERO };
    op_with(run, "get_vnumainfo", XENMEM_get_vnumainfo, &mut topology);
}

fn maps<G: Guest>(run: &mut Run<'_, G>) {
    let mut buffer = [[0_u8; E820_ENTRY_SIZE]; 64];
    let entries = memory_map(run.guest.xen(), &mut buffer);
    run.outcome("memory_map", entries);
    let list = GuestHandle::from_addr(buffer.as_mut_ptr().expose_provenance() as _);
    let mut map = xen_memory_map { nr_entries: 64, buffer: list, ..xen_memory_map::ZERO };
    op_with(run, "machine_memory_map", XENMEM_machine_memory_map, &mut map);
    let mut reserved = xen_reserved_device_memory_map::ZERO;
    op_with(run, "reserved_device_memory_map", XENMEM_reserved_device_memory_map, &mut reserved);
}
