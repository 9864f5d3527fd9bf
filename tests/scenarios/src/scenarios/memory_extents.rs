//! Extents in lists: given away and taken in part, and set aside.

#![allow(unsafe_code, reason = "takes pages away and puts them back")]

use core::ptr::{self, NonNull};

use xen_abi::GuestHandle;
use xen_abi::memory::*;
use xen_abi::xen::{__HYPERVISOR_memory_op, DOMID_SELF, domid_t, xen_pfn_t};
use xen_ops::hypercall::memory_op::{claim_pages, current_reservation};
use xen_ops::page::PAGE_SIZE;

use crate::outcome::Value;
use crate::{Guest, Run};

const NO_DOMAIN: domid_t = domid_t(777);
const NOWHERE: xen_pfn_t = xen_pfn_t(0x7fff_ffff);

pub(crate) fn extents<G: Guest>(run: &mut Run<'_, G>) {
    lists(run);
    increase(run);
    claims(run);
}

/// One of the operations that return how many extents are done.
fn op<G: Guest>(run: &mut Run<'_, G>, name: &str, command: u32, list: NonNull<xen_pfn_t>, nr: u64) {
    op_of(run, name, command, list, nr, (0, 0));
}

fn op_of<G: Guest>(
    run: &mut Run<'_, G>,
    name: &str,
    command: u32,
    list: NonNull<xen_pfn_t>,
    nr: u64,
    (extent_order, mem_flags): (u32, u32),
) {
    let extent_start = GuestHandle::from_addr(list.as_ptr().expose_provenance() as _);
    let domid = DOMID_SELF;
    let nr_extents = nr as _;
    let zero = xen_memory_reservation::ZERO;
    let mut argument = xen_memory_reservation {
        extent_start,
        nr_extents,
        extent_order,
        mem_flags: MemoryFlags(mem_flags),
        domid,
        ..zero
    };
    let at = ptr::from_mut(&mut argument).expose_provenance();
    // SAFETY: the pages in the list are loose, and the list is there or Xen finds out.
    unsafe { run.raw(name, __HYPERVISOR_memory_op, [command as usize, at, 0]) };
}

/// A list of frames whose page ends after the first `there`.
fn torn<G: Guest>(run: &mut Run<'_, G>, there: &[xen_pfn_t]) -> NonNull<xen_pfn_t> {
    let base = run.guest.torn();
    let before = PAGE_SIZE - size_of_val(there);
    // SAFETY: inside the first page.
    let list = unsafe { base.add(before).cast::<xen_pfn_t>() };
    for (index, frame) in there.iter().enumerate() {
        // SAFETY: as above; aligned, as pages and their ends are.
        unsafe { list.add(index).write(*frame) };
    }
    list
}

fn lists<G: Guest>(run: &mut Run<'_, G>) {
    let (decrease, populate) = (XENMEM_decrease_reservation, XENMEM_populate_physmap);
    let pages = [(); 4].map(|()| run.guest.loose_frame());
    let mut list = [pages[0], NOWHERE, pages[1]];
    op(
        run,
        "decrease_reservation, the second is none",
        decrease,
        NonNull::from(&mut list).cast(),
        3,
    );
    let list = torn(run, &pages[1..3]);
    op(run, "decrease_reservation, torn", decrease, list, 4);
    op(run, "decrease_reservation, gone already", decrease, list, 2);
    let list = NonNull::from(&mut [pages[3]]).cast();
    op_of(run, "decrease_reservation, order too large", decrease, list, 1, (60, 0));

    // A PV guest numbers its pages itself.
    let place = |at: usize| match run.guest.kind().is_translated() {
        true => pages[at],
        false => xen_pfn_t(at as _),
    };
    let places = [place(0), place(1), place(2)];
    let list = torn(run, &places[..2]);
    op(run, "populate_physmap, torn", populate, list, 3);
    let mut list = [places[2]];
    let list = NonNull::from(&mut list).cast();
    for (name, mem_flags) in [
        ("populate_physmap, addresses of 5 bits", 5),
        ("populate_physmap, addresses of 13 bits", 13),
        ("populate_physmap, no such node", XENMEMF_exact_node_request.bits() | 200 << 8),
    ] {
        op_of(run, name, populate, list, 1, (0, mem_flags));
    }
    op(run, "populate_physmap", populate, list, 1);
    op(run, "populate_physmap, 0 extents", populate, list, 0);
    op(run, "populate_physmap, more than can be counted", populate, list, 1 << 32);
}

fn increase<G: Guest>(run: &mut Run<'_, G>) {
    let mut frames = [xen_pfn_t(0); 2];
    let list = NonNull::from(&mut frames).cast();
    let before = current_reservation(run.guest.xen(), DOMID_SELF).unwrap_or(0);
    op(run, "increase_reservation", XENMEM_increase_reservation, list, 2);
    let after = current_reservation(run.guest.xen(), DOMID_SELF).unwrap_or(0);
    run.step("increase_reservation, pages", after.wrapping_sub(before));
    let told = frames.iter().filter(|frame| frame.0 != 0).count();
    run.step("increase_reservation, frames that it told", told);
    // What a translated guest is told, if anything, is not what it got.
    if !run.guest.kind().is_translated() {
        let list = NonNull::from(&mut frames).cast();
        op(run, "decrease_reservation of those", XENMEM_decrease_reservation, list, 2);
    }
}

fn claims<G: Guest>(run: &mut Run<'_, G>) {
    let me = run.guest.domid();
    let pages = current_reservation(run.guest.xen(), DOMID_SELF).unwrap_or(0) as u64;
    for (name, nr, order, flags, domid) in [
        ("claim_pages, none", 0, 0, 0, me),
        ("claim_pages, fewer than there are", pages - 1, 0, 0, me),
        ("claim_pages, as many as there are", pages, 0, 0, me),
        ("claim_pages, 16 more", pages + 16, 0, 0, me),
        ("claim_pages, claimed already", pages + 32, 0, 0, me),
        ("claim_pages, no more", 0, 0, 0, me),
        ("claim_pages, more than the machine has", 1 << 30, 0, 0, me),
        ("claim_pages, order 1", 1, 1, 0, me),
        ("claim_pages, flags", 1, 0, 1, me),
        ("claim_pages, no such domain", 0, 0, 0, NO_DOMAIN),
    ] {
        let claimed = claim_pages(run.guest.xen(), nr as _, order, MemoryFlags(flags), domid);
        run.outcome(name, claimed);
    }
    let pages_now = current_reservation(run.guest.xen(), DOMID_SELF);
    run.step("claim_pages, pages that came by it", Value(pages_now.map(|now| now as u64 - pages)));
}
