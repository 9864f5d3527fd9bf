//! Mapping and unmapping a domain's own grants, in version 1.
//!
//! On translated x86 a page that its owner maps is gone from where it was, so that each step that may
//! map one takes another page.

use xen_abi::grant_table::*;
use xen_abi::xen::{DOMID_IO, DOMID_SELF, domid_t, xen_pfn_t};
use xen_ops::page::{MapTarget, Page};

use crate::frame::number;
use crate::grants::{FOR_WRITING, Mapping, V1, byte, filled, map, map_at, mapped, swap, unmap};
use crate::outcome::Hex;
use crate::{Guest, Run};

/// References that are used: each that is named here is one of the first frame.
const REF: grant_ref_t = grant_ref_t(8);
const OTHER: grant_ref_t = grant_ref_t(9);

pub(crate) fn map_and_unmap<G: Guest>(run: &mut Run<'_, G>) {
    let table = V1::map(run.guest);
    successes(run, &table);
    refusals(run, &table);
    kinds(run, &table);
    unmapping(run, &table);
    pinned(run, &table);
}

/// Grants a fresh page.
fn grant<G: Guest>(run: &mut Run<'_, G>, table: &V1, flags: GrantEntryFlags) -> G::Page {
    let page = filled(run.guest, 0x5a);
    table.set(REF, flags, run.guest.domid(), page.frame());
    page
}

fn successes<G: Guest>(run: &mut Run<'_, G>, table: &V1) {
    let me = run.guest.domid();
    let target = run.guest.target();
    let page = grant(run, table, GTF_permit_access);
    let mapping = map(run.guest, &target, FOR_WRITING, REF, me);
    run.step("map", mapping.outcome);
    run.step("map, flags of the entry", Hex(table.flags(REF).bits()));
    let bus = match mapping.bus {
        0 => "nowhere",
        bus if bus == number(page.frame()) << 12 => "the frame",
        _ => "another frame",
    };
    run.step("map, address on the bus", bus);
    if mapping.outcome.is_ok() {
        let there = mapped(&target);
        run.step("map, a byte of the page", byte(there, 100));
        there.write(100, &[0xa5]).unwrap_or_default();
        run.step("map, a byte that was written, at the owner's", byte(page.view(), 100));
    }
    run.step("unmap", unmap(run.guest, mapping));
    run.step("unmap, flags of the entry", Hex(table.flags(REF).bits()));
    run.step("unmap, unmapped already", unmap(run.guest, mapping));

    let _page = grant(run, table, GTF_permit_access);
    let mapping = map(run.guest, &target, GNTMAP_readonly, REF, me);
    run.step("map read-only", mapping.outcome);
    run.step("map read-only, flags of the entry", Hex(table.flags(REF).bits()));
    run.step("unmap read-only", unmap(run.guest, mapping));

    let _page = grant(run, table, GTF_permit_access | GTF_readonly);
    let mapping = map(run.guest, &target, GNTMAP_readonly, REF, me);
    run.step("map read-only, grant read-only", mapping.outcome);
    run.step("map read-only, grant read-only, flags", Hex(table.flags(REF).bits()));
    run.step("unmap read-only, grant read-only", unmap(run.guest, mapping));
}

fn refusals<G: Guest>(run: &mut Run<'_, G>, table: &V1) {
    let me = run.guest.domid();
    let target = run.guest.target();
    let page = run.guest.page();
    let frame = page.frame();
    let flags = GTF_permit_access;
    let mut refuse =
        |name: &str, entry: (GrantEntryFlags, domid_t, xen_pfn_t), ref_, dom, map_flags| {
            let (flags, domid, frame) = entry;
            table.set(REF, flags, domid, frame);
            let mapping = map(run.guest, &target, map_flags, ref_, dom);
            run.step(name, mapping.outcome);
            if mapping.outcome.is_ok() {
                run.step(format_args!("{name}, unmap"), unmap(run.guest, mapping));
            }
        };
    let good = (flags, me, frame);
    refuse("map, DOMID_SELF", good, REF, DOMID_SELF, FOR_WRITING);
    refuse("map, DOMID_IO", good, REF, DOMID_IO, FOR_WRITING);
    refuse("map, no such domain", good, REF, domid_t(777), FOR_WRITING);
    refuse("map, reference beyond the table", good, grant_ref_t(0x7fff_ffff), me, FOR_WRITING);
    refuse("map, reference not in use", good, grant_ref_t(500), me, FOR_WRITING);
    refuse("map, granted to another", (flags, domid_t(555), frame), REF, me, FOR_WRITING);
    refuse("map, entry not in use", (GTF_invalid, me, frame), REF, me, FOR_WRITING);
    refuse("map, entry for a transfer", (GTF_accept_transfer, me, frame), REF, me, FOR_WRITING);
    refuse("map, entry transitive", (GTF_transitive, me, frame), REF, me, FOR_WRITING);
    refuse("map, entry sub-page", (flags | GTF_sub_page, me, frame), REF, me, FOR_WRITING);
    refuse("map, grant read-only", (flags | GTF_readonly, me, frame), REF, me, FOR_WRITING);
    refuse("map, no such frame", (flags, me, xen_pfn_t(0x7fff_ffff)), REF, me, FOR_WRITING);
}

fn kinds<G: Guest>(run: &mut Run<'_, G>, table: &V1) {
    let me = run.guest.domid();
    let target = run.guest.target();
    let host = GNTMAP_host_map;
    for (name, flags) in [
        ("neither host nor device", FOR_WRITING),
        ("neither, read-only", GNTMAP_readonly),
        ("device", GNTMAP_device_map),
        ("device, read-only", GNTMAP_device_map | GNTMAP_readonly),
        ("host and device", host | GNTMAP_device_map),
        ("application", host | GNTMAP_application_map),
        ("by entry, which is none", host | GNTMAP_contains_pte),
        ("bits for the guest", host | GrantMapFlags(1 << 16)),
    ] {
        let _page = grant(run, table, GTF_permit_access);
        let host_addr = match flags {
            _ if flags.contains(GNTMAP_contains_pte) || !flags.contains(host) => 0,
            _ => target.host_addr(),
        };
        let mapping = map_at(run.guest, host_addr, flags, REF, me);
        run.step(format_args!("map, {name}"), mapping.outcome);
        run.step(format_args!("map, {name}, flags of the entry"), Hex(table.flags(REF).bits()));
        if mapping.outcome.is_ok() {
            run.step(format_args!("unmap, {name}"), unmap(run.guest, mapping));
        }
    }
    let _page = grant(run, table, GTF_permit_access);
    let mapping = map_at(run.guest, target.host_addr() + 8, host, REF, me);
    run.step("map, address in a page", mapping.outcome);
    if mapping.outcome.is_ok() {
        run.step("unmap, address in a page", unmap(run.guest, mapping));
    }
}

fn unmapping<G: Guest>(run: &mut Run<'_, G>, table: &V1) {
    let me = run.guest.domid();
    let (target, elsewhere) = (run.guest.target(), run.guest.target());
    let _page = grant(run, table, GTF_permit_access);
    let mapping = map(run.guest, &target, FOR_WRITING, REF, me);
    let nothing = Mapping { host_addr: 0, dev_bus_addr: 0, ..mapping };
    run.step("unmap, neither address", unmap(run.guest, nothing));
    run.step("unmap, neither address, flags of the entry", Hex(table.flags(REF).bits()));
    let wrong = Mapping { host_addr: elsewhere.host_addr(), ..mapping };
    run.step("unmap, another address", unmap(run.guest, wrong));
    let wrong = Mapping { handle: grant_handle_t(12345), ..mapping };
    run.step("unmap, no such handle", unmap(run.guest, wrong));
    let wrong = Mapping { handle: grant_handle_t(u32::MAX), ..mapping };
    run.step("unmap, handle beyond all", unmap(run.guest, wrong));
    run.step("unmap after all that", unmap(run.guest, mapping));
    run.step("unmap after all that, flags of the entry", Hex(table.flags(REF).bits()));

    let _page = grant(run, table, GTF_permit_access);
    let mapping = map(run.guest, &target, FOR_WRITING, REF, me);
    let wrong = Mapping { dev_bus_addr: 0x1234_5000, ..mapping };
    run.step("unmap, a device address that is not mapped", unmap(run.guest, wrong));
    // Where that was refused, the page is still mapped.
    unmap(run.guest, mapping);
    let _page = grant(run, table, GTF_permit_access);
    let mapping = map(run.guest, &target, GNTMAP_device_map, REF, me);
    let wrong = Mapping { dev_bus_addr: 0x1234_5000, ..mapping };
    run.step("unmap, another device address", unmap(run.guest, wrong));
    let host = Mapping { dev_bus_addr: 0, ..mapping };
    run.step("unmap, for the processor only", unmap(run.guest, host));
    run.step("unmap, for the processor only, flags of the entry", Hex(table.flags(REF).bits()));
    let device = Mapping { host_addr: 0, ..mapping };
    run.step("unmap, for the device only", unmap(run.guest, device));
    run.step("unmap, for the device only, flags of the entry", Hex(table.flags(REF).bits()));
    unmap(run.guest, mapping);
}

fn pinned<G: Guest>(run: &mut Run<'_, G>, table: &V1) {
    let me = run.guest.domid();
    let (first, second) = (run.guest.target(), run.guest.target());
    let third = run.guest.target();
    let _page = grant(run, table, GTF_permit_access);
    let one = map(run.guest, &first, FOR_WRITING, REF, me);
    let two = map(run.guest, &second, FOR_WRITING, REF, me);
    run.step("map twice", two.outcome);
    run.step("unmap one of two", unmap(run.guest, one));
    run.step("unmap one of two, flags of the entry", Hex(table.flags(REF).bits()));
    run.step("unmap the other", unmap(run.guest, two));
    run.step("unmap the other, flags of the entry", Hex(table.flags(REF).bits()));

    let page = grant(run, table, GTF_permit_access);
    let one = map(run.guest, &first, GNTMAP_readonly, REF, me);
    run.step("swap, in use", swap(run.guest, REF, OTHER));
    table.set(REF, GTF_invalid, me, page.frame());
    let two = map(run.guest, &second, GNTMAP_readonly, REF, me);
    run.step("map read-only, revoked while mapped", two.outcome);
    run.step("map read-only, revoked while mapped, flags", Hex(table.flags(REF).bits()));
    let three = map(run.guest, &third, FOR_WRITING, REF, me);
    run.step("map, revoked while mapped read-only", three.outcome);
    run.step("map, revoked while mapped read-only, flags", Hex(table.flags(REF).bits()));
    for (name, mapping) in [("first", one), ("second", two), ("third", three)] {
        run.step(format_args!("unmap what was revoked, {name}"), unmap(run.guest, mapping));
    }
    run.step("unmap what was revoked, flags of the entry", Hex(table.flags(REF).bits()));

    table.set(REF, GTF_permit_access, me, xen_pfn_t(0x111));
    table.set(OTHER, GTF_permit_access | GTF_readonly, me, xen_pfn_t(0x222));
    run.step("swap", swap(run.guest, REF, OTHER));
    run.step("swap, flags of the first", Hex(table.flags(REF).bits()));
    run.step("swap, flags of the second", Hex(table.flags(OTHER).bits()));
    run.step("swap, the same", swap(run.guest, REF, REF));
    run.step("swap, beyond the table", swap(run.guest, REF, grant_ref_t(99999)));
    run.step("swap, beyond the table, first", swap(run.guest, grant_ref_t(99999), REF));
    for ref_ in [REF, OTHER] {
        table.set(ref_, GTF_invalid, domid_t(0), xen_pfn_t(0));
    }
}
