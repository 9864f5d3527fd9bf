//! What translated guests can have put at guest frames, one by one and in batches, and taken away again.

#![allow(unsafe_code, reason = "puts things where nothing is")]

use xen_abi::GuestHandle;
use xen_abi::memory::*;
use xen_abi::xen::{__HYPERVISOR_memory_op, DOMID_SELF, domid_t, xen_pfn_t, xen_ulong_t};
use xen_ops::hypercall::memory_op::{add_to_physmap, add_to_physmap_batch, remove_from_physmap};
use xen_ops::page::{MapTarget, PAGE_SIZE, Page};

use crate::frame;
use crate::grants::{byte, filled, mapped};
use crate::outcome::{Outcome, Returned};
use crate::{Guest, Run};

const GRANTS: u32 = XENMAPSPACE_grant_table;
const NO_DOMAIN: domid_t = domid_t(777);

/// Frames of the grant table that nothing else uses.
const FIRST: xen_ulong_t = 8;

pub(crate) fn physmap<G: Guest>(run: &mut Run<'_, G>) {
    if !run.guest.kind().is_translated() {
        return;
    }
    single(run);
    batches(run);
    torn(run);
    moves(run);
}

fn hole<G: Guest>(run: &mut Run<'_, G>) -> xen_pfn_t {
    frame::at(run.guest.target().host_addr())
}

fn single<G: Guest>(run: &mut Run<'_, G>) {
    let (one, two) = (hole(run), hole(run));
    for (name, index, frame) in [
        ("a frame of the table", FIRST, one),
        ("the same elsewhere", FIRST, two),
        ("another there", FIRST + 1, two),
        ("a status frame in version 1", xen_ulong_t::from(XENMAPIDX_grant_table_status), one),
    ] {
        // SAFETY: nothing is there that anybody uses.
        let added = unsafe { add_to_physmap(run.guest.xen(), DOMID_SELF, 0, GRANTS, index, frame) };
        run.outcome(format_args!("add_to_physmap, {name}"), added);
    }
    for (name, frame) in [("the first", one), ("the second", two), ("nothing", two)] {
        // SAFETY: as above.
        let removed = unsafe { remove_from_physmap(run.guest.xen(), DOMID_SELF, frame) };
        run.outcome(format_args!("remove_from_physmap, {name}"), removed);
    }
}

fn batches<G: Guest>(run: &mut Run<'_, G>) {
    let grants = GRANTS as u16;
    let foreign = XENMAPSPACE_gmfn_foreign as u16;
    let none = domid_t(0);
    let holes = [(); 9].map(|()| hole(run));
    let me = run.guest.domid();
    for (name, space, other, indices, frames) in [
        ("three", grants, none, [FIRST + 2, FIRST + 3, FIRST + 4], [holes[0], holes[1], holes[2]]),
        (
            "the second is none",
            grants,
            none,
            [FIRST + 5, 5000, FIRST + 6],
            [holes[3], holes[4], holes[5]],
        ),
        (
            "the second has no place",
            grants,
            none,
            [FIRST + 7, FIRST + 8, FIRST + 9],
            [holes[6], xen_pfn_t(!0), holes[7]],
        ),
        ("unknown space", 99, none, [0, 1, 2], [holes[8]; 3]),
        ("foreign, of no domain", foreign, NO_DOMAIN, [0, 1, 2], [holes[8]; 3]),
        ("foreign, own", foreign, me, [0, 1, 2], [holes[8]; 3]),
        ("foreign, DOMID_SELF", foreign, DOMID_SELF, [0, 1, 2], [holes[8]; 3]),
    ] {
        let extra = xen_add_to_physmap_batch_extra::from_foreign_domid(other);
        let mut errors = [77; 3];
        // SAFETY: nothing is there.
        let result = unsafe {
            let xen = run.guest.xen();
            add_to_physmap_batch(xen, DOMID_SELF, space, extra, &indices, &frames, &mut errors)
        };
        run.step(format_args!("add_to_physmap_batch, {name}"), Outcome::of(&result));
        for (index, error) in (1..).zip(errors) {
            let error = Returned(error as isize);
            run.step(format_args!("add_to_physmap_batch, {name}, error {index}"), error);
        }
    }
}

/// A list that cannot be read to its end.
fn torn<G: Guest>(run: &mut Run<'_, G>) {
    let base = run.guest.torn();
    // SAFETY: the last number of the first page.
    let list = unsafe { base.add(PAGE_SIZE - size_of::<xen_ulong_t>()).cast::<xen_ulong_t>() };
    // SAFETY: as above, and aligned.
    unsafe { list.write(FIRST + 10) };
    let frames = [hole(run), hole(run)];
    let mut errors = [77; 2];
    let mut argument = xen_add_to_physmap_batch {
        domid: DOMID_SELF,
        space: GRANTS as u16,
        size: 2,
        idxs: GuestHandle::from_addr(list.as_ptr().expose_provenance() as _),
        gpfns: GuestHandle::from_addr(frames.as_ptr().expose_provenance() as _),
        errs: GuestHandle::from_addr(errors.as_mut_ptr().expose_provenance() as _),
        ..xen_add_to_physmap_batch::ZERO
    };
    let at = core::ptr::from_mut(&mut argument).expose_provenance();
    let command = XENMEM_add_to_physmap_batch as usize;
    // SAFETY: nothing is at the frames, and what is not there Xen finds out.
    unsafe { run.raw("add_to_physmap_batch, torn", __HYPERVISOR_memory_op, [command, at, 0]) };
    for (index, error) in (1..).zip(errors) {
        let error = Returned(error as isize);
        run.step(format_args!("add_to_physmap_batch, torn, error {index}"), error);
    }
}

/// Pages of one's own, moved: x86 only.
fn moves<G: Guest>(run: &mut Run<'_, G>) {
    let targets = [run.guest.target(), run.guest.target()];
    let page = filled(run.guest, 0x81);
    let own = page.frame().0 as xen_ulong_t;
    let place = |at: usize| frame::at(targets[at].host_addr());
    let (gmfn, range) = (XENMAPSPACE_gmfn, XENMAPSPACE_gmfn_range);
    for (name, size, space, index, frame) in [
        ("a page", 0, gmfn, own, place(0)),
        ("a page, moved already", 0, gmfn, own, place(1)),
        ("no page", 0, gmfn, 0x7fff_ffff, place(1)),
        ("a range of one", 1, range, place(0).0 as _, place(1)),
        ("a range of none", 0, range, place(1).0 as _, place(0)),
        ("a range that is no page", 2, range, 0x7fff_fff0, place(0)),
        ("a range beyond all numbers", 2, range, xen_ulong_t::MAX, place(0)),
    ] {
        // SAFETY: nothing is there, and the page is used at its places only.
        let added =
            unsafe { add_to_physmap(run.guest.xen(), DOMID_SELF, size, space, index, frame) };
        run.outcome(format_args!("move, {name}"), added);
    }
    if run.guest.kind().is_x86() {
        run.step("move, a byte of the page", byte(mapped(&targets[1]), 0));
    }
}
