//! Version 2: whole pages, parts of pages, grants passed on, status words.

#![allow(unsafe_code, reason = "choosing the version")]

use xen_abi::grant_table::*;
use xen_abi::xen::{DOMID_SELF, domid_t};
use xen_ops::hypercall::grant_table_op::{get_status_frames, get_version, set_version};
use xen_ops::page::Page;

use crate::grants::{FOR_WRITING, V1, V2, copy_bytes, filled, granted, local, map, swap, unmap};
use crate::outcome::{Hex, Outcome, Value};
use crate::scenarios::gnttab_changed::changed_v2;
use crate::{Guest, Run};

const REF: grant_ref_t = grant_ref_t(8);
const PART: grant_ref_t = grant_ref_t(9);
const PASSED_ON: grant_ref_t = grant_ref_t(10);
const FROM: GrantCopyFlags = GNTCOPY_source_gref;

pub(crate) fn v2<G: Guest>(run: &mut Run<'_, G>) {
    // In use, version 1 stays.
    let table = V1::map(run.guest);
    let me = run.guest.domid();
    let page = filled(run.guest, 0x10);
    table.set(REF, GTF_permit_access, me, page.frame());
    let target = run.guest.target();
    let mapping = map(run.guest, &target, FOR_WRITING, REF, me);
    choose(run, "set_version 2, mapped", 2);
    run.step("unmap", unmap(run.guest, mapping));

    choose(run, "set_version 2", 2);
    let version = get_version(run.guest.xen(), DOMID_SELF);
    let is_2 = version.as_ref().is_ok_and(|version| *version == 2);
    run.step("get_version", Value(version));
    if !is_2 {
        table.set(REF, GTF_invalid, domid_t(0), page.frame());
        return;
    }
    choose(run, "set_version 2, in effect already", 2);
    let mut frames = [0; 65];
    for (name, count) in [("1 frame", 1), ("more than there are", 65)] {
        let result = get_status_frames(run.guest.xen(), DOMID_SELF, &mut frames[..count]);
        run.outcome(format_args!("get_status_frames, {name}"), result);
    }
    let table = V2::map(run.guest);
    pages(run, &table);
    parts(run, &table);
    passed_on(run, &table);
    changed_v2(run, &table);
    for ref_ in [REF, PART, PASSED_ON] {
        table.page(ref_, GTF_invalid, domid_t(0), page.frame());
    }
    choose(run, "set_version 1, status frames mapped or not", 1);
}

fn choose<G: Guest>(run: &mut Run<'_, G>, name: &str, version: u32) {
    // SAFETY: nothing relies on a grant.
    let (result, now) = unsafe { set_version(run.guest.xen(), version) };
    run.step(name, Outcome::of(&result));
    run.step(format_args!("{name}, in effect"), now);
}

fn pages<G: Guest>(run: &mut Run<'_, G>, table: &V2) {
    let me = run.guest.domid();
    let target = run.guest.target();
    let page = filled(run.guest, 0x20);
    table.page(REF, GTF_permit_access, me, page.frame());
    let mapping = map(run.guest, &target, FOR_WRITING, REF, me);
    run.step("map", mapping.outcome);
    run.step("map, status word", Hex(table.status(REF).bits()));
    run.step("map, flags of the entry", Hex(table.flags(REF).bits()));
    run.step("swap, mapped", swap(run.guest, REF, PART));
    choose(run, "set_version 1, mapped", 1);
    run.step("unmap, again in version 2", unmap(run.guest, mapping));
    run.step("unmap, status word", Hex(table.status(REF).bits()));

    let page = filled(run.guest, 0x21);
    table.page(REF, GTF_permit_access, me, page.frame());
    let mapping = map(run.guest, &target, GNTMAP_readonly, REF, me);
    run.step("map read-only", mapping.outcome);
    run.step("map read-only, status word", Hex(table.status(REF).bits()));
    run.step("unmap read-only", unmap(run.guest, mapping));

    let page = filled(run.guest, 0x22);
    for (name, flags, domid) in [
        ("map, grant read-only", GTF_permit_access | GTF_readonly, me),
        ("map, granted to another", GTF_permit_access, domid_t(555)),
        ("map, entry not in use", GTF_invalid, me),
        ("map, entry for a transfer", GTF_accept_transfer, me),
    ] {
        table.page(REF, flags, domid, page.frame());
        run.step(name, map(run.guest, &target, FOR_WRITING, REF, me).outcome);
        run.step(format_args!("{name}, status word"), Hex(table.status(REF).bits()));
    }
    run.step(
        "map, beyond the table",
        map(run.guest, &target, FOR_WRITING, grant_ref_t(99999), me).outcome,
    );
}

fn parts<G: Guest>(run: &mut Run<'_, G>, table: &V2) {
    let me = run.guest.domid();
    let (page, own) = (filled(run.guest, 0x30), filled(run.guest, 0x31));
    let flags = GTF_permit_access | GTF_sub_page;
    table.part(PART, flags, me, page.frame(), (16, 8));
    let destination = local(own.frame(), DOMID_SELF, 0);
    for (offset, len) in [(16, 8), (16, 9), (20, 4), (20, 5), (15, 2), (0, 8), (24, 0)] {
        let outcome = copy_bytes(run.guest, granted(PART, me, offset), destination, len, FROM);
        run.step(format_args!("copy from a part, {len} bytes from {offset} on"), outcome);
    }
    let (target, source) = (run.guest.target(), local(own.frame(), DOMID_SELF, 0));
    let outcome = copy_bytes(run.guest, source, granted(PART, me, 16), 8, GNTCOPY_dest_gref);
    run.step("copy to a part", outcome);
    run.step("map a part", map(run.guest, &target, FOR_WRITING, PART, me).outcome);
    run.step("map a part, status word", Hex(table.status(PART).bits()));
    // Without the flag the entry is that of a whole page.
    table.part(PART, GTF_permit_access, me, page.frame(), (16, 8));
    let outcome = copy_bytes(run.guest, granted(PART, me, 0), destination, 64, FROM);
    run.step("copy from what is no part", outcome);
}

fn passed_on<G: Guest>(run: &mut Run<'_, G>, table: &V2) {
    let me = run.guest.domid();
    let (page, own) = (filled(run.guest, 0x40), filled(run.guest, 0x41));
    table.page(REF, GTF_permit_access, me, page.frame());
    let destination = local(own.frame(), DOMID_SELF, 0);
    let source = granted(PASSED_ON, me, 0);
    table.grant_transitive(PASSED_ON, GTF_transitive, me, me, REF);
    let outcome = copy_bytes(run.guest, source, destination, 16, FROM);
    run.step("copy from what is passed on to oneself", outcome);
    table.grant_transitive(PASSED_ON, GTF_transitive, me, domid_t(777), REF);
    let outcome = copy_bytes(run.guest, source, destination, 16, FROM);
    run.step("copy from what is not granted", outcome);
    run.step("copy from what is not granted, status word", Hex(table.status(PASSED_ON).bits()));
    // Where a grant leads to oneself, nothing goes on: not to write, in parts, or to one that leads on.
    for (name, flags, from, gref) in [
        ("copy from what is passed on read-only", GTF_transitive | GTF_readonly, me, REF),
        ("copy from a part of what is passed on", GTF_transitive | GTF_sub_page, me, REF),
        ("copy from what is passed on and on", GTF_transitive, me, PASSED_ON),
        ("copy from what is passed on by DOMID_SELF", GTF_transitive, DOMID_SELF, REF),
    ] {
        table.grant_transitive(PASSED_ON, flags, me, from, gref);
        let outcome = copy_bytes(run.guest, source, destination, 16, FROM);
        run.step(name, outcome);
        run.step(format_args!("{name}, status word"), Hex(table.status(PASSED_ON).bits()));
    }
    table.grant_transitive(PASSED_ON, GTF_transitive, me, me, REF);
    let to = granted(PASSED_ON, me, 0);
    let outcome = copy_bytes(run.guest, destination, to, 16, GNTCOPY_dest_gref);
    run.step("copy to what is passed on", outcome);
    run.step("copy to what is passed on, status word", Hex(table.status(PASSED_ON).bits()));
    run.step("copy to what is passed on, status word of the grant", Hex(table.status(REF).bits()));
    table.grant_transitive(PASSED_ON, GTF_transitive, domid_t(555), me, REF);
    let outcome = copy_bytes(run.guest, source, destination, 16, FROM);
    run.step("copy from what is passed on to another", outcome);
    table.grant_transitive(PASSED_ON, GTF_transitive, me, domid_t(777), REF);
    let target = run.guest.target();
    run.step("map what is passed on", map(run.guest, &target, FOR_WRITING, PASSED_ON, me).outcome);
    run.step("map what is passed on, status word", Hex(table.status(PASSED_ON).bits()));
}
