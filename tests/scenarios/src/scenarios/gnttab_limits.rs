//! How often one grant can be mapped, and how many mappings there can be: the harness has Xen give a
//! domain one frame of handles.

#![allow(unsafe_code, reason = "unmaps what the scenario has mapped")]

use core::array;

use xen_abi::grant_table::*;
use xen_abi::xen::{domid_t, xen_pfn_t};
use xen_ops::hypercall::grant_table_op::{UnmapGrantRef, unmap_grant_ref};
use xen_ops::page::Page;

use crate::grants::{FOR_WRITING, Mapping, V1, filled, map, unmap};
use crate::outcome::Hex;
use crate::{Guest, Run};

const REF: grant_ref_t = grant_ref_t(17);
const OTHER: grant_ref_t = grant_ref_t(18);

/// More than each limit.
const MANY: usize = 130;

pub(crate) fn limits<G: Guest>(run: &mut Run<'_, G>) {
    let me = run.guest.domid();
    let table = V1::map(run.guest);
    let pages = [REF, OTHER].map(|ref_| {
        let page = filled(run.guest, 0x71);
        table.set(ref_, GTF_permit_access, me, page.frame());
        page
    });
    let first = until_refused(run, "map one grant", REF);
    // Mappings for reading are counted by themselves.
    let target = run.guest.target();
    let reading = map(run.guest, &target, GNTMAP_readonly, REF, me);
    run.step("map it read-only", reading.outcome);
    run.step("map it read-only, flags of the entry", Hex(table.flags(REF).bits()));
    if reading.outcome.is_ok() {
        run.step("unmap it read-only", unmap(run.guest, reading));
        run.step("unmap it read-only, flags of the entry", Hex(table.flags(REF).bits()));
    }
    let mut second = until_refused(run, "map another grant", OTHER);
    if let Some(freed) = second[0].take() {
        run.step("unmap another grant", unmap(run.guest, freed));
        let again = map(run.guest, &target, FOR_WRITING, OTHER, me);
        run.step("map another grant by the handle that is free", again.outcome);
        second[0] = again.outcome.is_ok().then_some(again);
    }
    for (name, mappings, ref_) in [("one", first, REF), ("another", second, OTHER)] {
        unmap_all(run, name, &mappings);
        run.step(
            format_args!("unmap all, {name}, flags of the entry"),
            Hex(table.flags(ref_).bits()),
        );
        table.set(ref_, GTF_invalid, domid_t(0), xen_pfn_t(0));
    }
    drop(pages);
}

/// Maps a grant again and again, and writes down how often and why no more.
fn until_refused<G: Guest>(
    run: &mut Run<'_, G>,
    name: &str,
    ref_: grant_ref_t,
) -> [Option<Mapping>; MANY] {
    let me = run.guest.domid();
    let mut refused = None;
    let mappings = array::from_fn(|_| {
        if refused.is_some() {
            return None;
        }
        let target = run.guest.target();
        let mapping = map(run.guest, &target, FOR_WRITING, ref_, me);
        if !mapping.outcome.is_ok() {
            refused = Some(mapping.outcome);
            return None;
        }
        Some(mapping)
    });
    run.step(format_args!("{name}, times"), mappings.iter().flatten().count());
    if let Some(outcome) = refused {
        run.step(format_args!("{name}, once more"), outcome);
    }
    mappings
}

/// Unmaps with one hypercall.
fn unmap_all<G: Guest>(run: &mut Run<'_, G>, name: &str, mappings: &[Option<Mapping>; MANY]) {
    let mut ops = mappings.map(|mapping| match mapping {
        Some(Mapping { host_addr, handle, .. }) => UnmapGrantRef::new(host_addr, 0, handle),
        None => UnmapGrantRef::new(0, 0, grant_handle_t(u32::MAX)),
    });
    // SAFETY: nothing uses the mappings.
    let batch = unsafe { unmap_grant_ref(run.guest.xen(), &mut ops) };
    run.outcome(format_args!("unmap all, {name}"), batch.result);
    let done = batch.elements.iter().filter(|element| element.status().is_okay()).count();
    run.step(format_args!("unmap all, {name}, times"), done);
}
