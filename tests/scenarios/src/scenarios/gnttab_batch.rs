//! Batches of several elements: one that fails leaves the others alone, and one that cannot be read
//! ends the batch.

#![allow(unsafe_code, reason = "maps own pages, and batches that no slice can hold")]

use core::ptr::NonNull;

use xen_abi::grant_table::*;
use xen_abi::xen::{DOMID_SELF, domid_t, xen_pfn_t};
use xen_abi::{GrantStatus, Plain};
use xen_ops::hypercall::UNTOUCHED;
use xen_ops::page::{MapTarget, PAGE_SIZE, Page};

use crate::grants::{V1, byte, filled, granted, local};
use crate::outcome::{Hex, Status};
use crate::{Guest, Run};

const REF: grant_ref_t = grant_ref_t(15);
const OTHER: grant_ref_t = grant_ref_t(16);
/// References of nothing: one of an empty entry, and one that the table does not have.
const EMPTY: grant_ref_t = grant_ref_t(500);
const BEYOND: grant_ref_t = grant_ref_t(0x7fff_ffff);
const NO_HANDLE: grant_handle_t = grant_handle_t(12345);

pub(crate) fn batch<G: Guest>(run: &mut Run<'_, G>) {
    let table = V1::map(run.guest);
    maps(run, &table);
    copies(run, &table);
    swaps(run, &table);
    for ref_ in [REF, OTHER] {
        table.set(ref_, GTF_invalid, domid_t(0), xen_pfn_t(0));
    }
}

/// An element, as far as all kinds of them are alike.
trait Element: Plain + Copy {
    const COMMAND: u32;
    fn status(&self) -> GrantStatus;
}

macro_rules! elements {
    ($($element:ident $command:ident;)*) => {$(
        impl Element for $element {
            const COMMAND: u32 = $command;

            fn status(&self) -> GrantStatus {
                self.status
            }
        }
    )*};
}

elements! {
    gnttab_map_grant_ref GNTTABOP_map_grant_ref;
    gnttab_unmap_grant_ref GNTTABOP_unmap_grant_ref;
    gnttab_copy GNTTABOP_copy;
    gnttab_swap_grant_ref GNTTABOP_swap_grant_ref;
}

/// Does a batch, and writes down the result and each element's status.
fn done<G: Guest, T: Element>(run: &mut Run<'_, G>, name: &str, elements: &mut [T]) {
    let at = elements.as_mut_ptr().expose_provenance();
    // SAFETY: what is mapped has room of the scenario's, and what is copied to is looked at by views.
    unsafe { run.raw_grant(name, T::COMMAND, at, elements.len()) };
    for (index, element) in (1..).zip(elements) {
        run.step(format_args!("{name}, status {index}"), Status(element.status()));
    }
}

/// Does a batch that lies across a page that is not there, with two elements before it and one after
/// it, and writes down the same.
fn torn<G: Guest, T: Element>(run: &mut Run<'_, G>, name: &str, elements: [T; 3]) -> [T; 3] {
    let size = size_of::<T>();
    let before = PAGE_SIZE - 2 * size;
    // The first element that begins in the last page, or after its first byte.
    let last = (2 * PAGE_SIZE - before).div_ceil(size);
    let base = run.guest.torn();
    let place = |index: usize| -> NonNull<T> {
        // SAFETY: inside the three pages.
        unsafe { base.add(before + index * size).cast() }
    };
    let places = [place(0), place(1), place(last)];
    for (place, element) in places.into_iter().zip(elements) {
        // SAFETY: inside the first page or the last, which are the guest's, and aligned as pages are.
        unsafe { place.write(element) };
    }
    let at = places[0].as_ptr().expose_provenance();
    // SAFETY: as in `done`; what is not there Xen finds out.
    unsafe { run.raw_grant(name, T::COMMAND, at, last + 1) };
    // SAFETY: as above; Xen has written to them.
    let elements = places.map(|place| unsafe { place.read_volatile() });
    for (index, element) in ["1", "2", "of the last"].into_iter().zip(&elements) {
        run.step(format_args!("{name}, status {index}"), Status(element.status()));
    }
    elements
}

fn maps<G: Guest>(run: &mut Run<'_, G>, table: &V1) {
    let me = run.guest.domid();
    let targets = [(); 2].map(|()| run.guest.target().host_addr());
    let map = |ref_, at| gnttab_map_grant_ref {
        host_addr: at,
        flags: GNTMAP_host_map,
        ref_,
        dom: me,
        status: UNTOUCHED,
        ..gnttab_map_grant_ref::ZERO
    };
    let unmap = |mapped: &gnttab_map_grant_ref| gnttab_unmap_grant_ref {
        host_addr: mapped.host_addr,
        handle: mapped.handle,
        status: UNTOUCHED,
        ..gnttab_unmap_grant_ref::ZERO
    };
    let [first, second] = targets;
    let page = filled(run.guest, 0x61);
    table.set(REF, GTF_permit_access, me, page.frame());
    let mut maps = [map(REF, first), map(EMPTY, second), map(BEYOND, second), map(REF, second)];
    done(run, "map", &mut maps);
    run.step("map, flags of the entry", Hex(table.flags(REF).bits()));
    // A handle that is in the batch twice stands for nothing the second time.
    let [one, _, _, two] = &maps;
    let none = gnttab_unmap_grant_ref { handle: NO_HANDLE, ..unmap(one) };
    done(run, "unmap", &mut [unmap(one), unmap(one), none, unmap(two)]);
    run.step("unmap, flags of the entry", Hex(table.flags(REF).bits()));

    let page = filled(run.guest, 0x62);
    table.set(REF, GTF_permit_access, me, page.frame());
    let maps = torn(run, "map, torn", [map(REF, first), map(EMPTY, second), map(REF, second)]);
    run.step("map, torn, flags of the entry", Hex(table.flags(REF).bits()));
    // What was done before stays done.
    let again = gnttab_unmap_grant_ref { status: UNTOUCHED, ..unmap(&maps[0]) };
    torn(run, "unmap, torn", [again, none, again]);
    run.step("unmap, torn, flags of the entry", Hex(table.flags(REF).bits()));
}

fn copies<G: Guest>(run: &mut Run<'_, G>, table: &V1) {
    let me = run.guest.domid();
    let (page, own) = (filled(run.guest, 0x63), filled(run.guest, 0));
    table.set(REF, GTF_permit_access | GTF_readonly, me, page.frame());
    table.set(OTHER, GTF_permit_access, me, own.frame());
    let copy = |source: gnttab_copy_ptr, dest: gnttab_copy_ptr, flags| gnttab_copy {
        source,
        dest,
        len: 8,
        flags,
        status: UNTOUCHED,
        ..gnttab_copy::ZERO
    };
    let (from, to) = (GNTCOPY_source_gref, GNTCOPY_dest_gref);
    let here = |offset| local(own.frame(), DOMID_SELF, offset);
    let source = granted(REF, me, 0);
    let byte = |at| byte(own.view(), at);
    // Xen keeps what it found out about one element for the next.
    let mut copies = [
        copy(source, here(0), from),
        copy(source, granted(REF, me, 64), from | to),
        copy(source, here(16), from),
        copy(granted(EMPTY, me, 0), here(32), from),
        copy(source, granted(OTHER, me, 48), from | to),
        copy(granted(OTHER, me, 48), here(64), from),
        copy(granted(REF, me, 4090), here(0), from),
    ];
    done(run, "copy", &mut copies);
    for at in [0, 16, 32, 48, 64] {
        run.step(format_args!("copy, byte {at}"), byte(at));
    }
    for (name, ref_) in [("source", REF), ("destination", OTHER)] {
        run.step(format_args!("copy, flags of the {name}"), Hex(table.flags(ref_).bits()));
    }
    let nothing = copy(granted(EMPTY, me, 0), here(96), from);
    let copies = [copy(source, here(80), from), nothing, copy(source, here(112), from)];
    torn(run, "copy, torn", copies);
    for at in [80, 112] {
        run.step(format_args!("copy, torn, byte {at}"), byte(at));
    }
    run.step("copy, torn, flags of the source", Hex(table.flags(REF).bits()));

    let mut many = [copy(source, here(128), from); 300];
    let at = many.as_mut_ptr().expose_provenance();
    // SAFETY: the page is looked at by views.
    unsafe { run.raw_grant("copy, many", GNTTABOP_copy, at, many.len()) };
    let okay = many.iter().filter(|copy| copy.status.is_okay()).count();
    run.step("copy, many, done", okay);
}

fn swaps<G: Guest>(run: &mut Run<'_, G>, table: &V1) {
    let me = run.guest.domid();
    let swap = |ref_a, ref_b| gnttab_swap_grant_ref {
        ref_a,
        ref_b,
        status: UNTOUCHED,
        ..gnttab_swap_grant_ref::ZERO
    };
    let flags = |run: &mut Run<'_, G>, name: &str| {
        for (which, ref_) in [("first", REF), ("second", OTHER)] {
            run.step(format_args!("{name}, flags of the {which}"), Hex(table.flags(ref_).bits()));
        }
        table.set(REF, GTF_permit_access, me, xen_pfn_t(0x111));
        table.set(OTHER, GTF_permit_access | GTF_readonly, me, xen_pfn_t(0x222));
    };
    flags(run, "before");
    done(run, "swap, there and back", &mut [swap(REF, OTHER), swap(REF, OTHER)]);
    flags(run, "swap, there and back");
    let mut swaps = [swap(REF, OTHER), swap(REF, BEYOND), swap(BEYOND, REF), swap(REF, REF)];
    done(run, "swap", &mut swaps);
    flags(run, "swap");
    torn(run, "swap, torn", [swap(REF, OTHER), swap(REF, BEYOND), swap(REF, OTHER)]);
    flags(run, "swap, torn");
}
