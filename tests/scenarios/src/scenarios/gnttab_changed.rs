//! Entries that their owner changes while a mapping for reading uses them, in both versions: what Xen looks at when it
//! begins a use, and what it still looks at when there are others.

use xen_abi::grant_table::*;
use xen_abi::xen::{DOMID_SELF, domid_t, xen_pfn_t};
use xen_ops::page::Page;

use crate::grants::{
    FOR_WRITING, V1, V2, byte, copy_bytes, filled, granted, local, map, mapped, unmap,
};
use crate::outcome::Hex;
use crate::{Guest, Run};

const REF: grant_ref_t = grant_ref_t(8);
/// A reference that an entry passes on.
const OTHER: grant_ref_t = grant_ref_t(9);

pub(crate) fn changed<G: Guest>(run: &mut Run<'_, G>) {
    let table = V1::map(run.guest);
    let me = run.guest.domid();
    let set = |flags, domid, frame| table.set(REF, flags, domid, frame);
    let in_use = GTF_reading;
    for (name, flags, domid, moves) in [
        ("ended", GTF_invalid, me, false),
        ("for a transfer", GTF_accept_transfer | in_use, me, false),
        ("for another domain", GTF_permit_access | in_use, domid_t(555), false),
        ("of another frame", GTF_permit_access | in_use, me, true),
        ("read-only", GTF_permit_access | GTF_readonly | in_use, me, false),
    ] {
        uses(run, &format_args!("{name}"), set, |frame, other| {
            set(flags, domid, if moves { other } else { frame });
        });
        run.step(format_args!("{name}, flags"), Hex(table.flags(REF).bits()));
    }
    set(GTF_invalid, domid_t(0), xen_pfn_t(0));
}

/// The same in version 2, which the table has.
pub(crate) fn changed_v2<G: Guest>(run: &mut Run<'_, G>, table: &V2) {
    let me = run.guest.domid();
    let set = |flags, domid, frame| table.page(REF, flags, domid, frame);
    for (name, flags, domid, moves) in [
        ("ended", GTF_invalid, me, false),
        ("for another domain", GTF_permit_access, domid_t(555), false),
        ("of another frame", GTF_permit_access, me, true),
        ("read-only", GTF_permit_access | GTF_readonly, me, false),
    ] {
        uses(run, &format_args!("changed, {name}"), set, |frame, other| {
            set(flags, domid, if moves { other } else { frame });
        });
        run.step(format_args!("changed, {name}, status"), Hex(table.status(REF).bits()));
    }
    uses(run, &format_args!("changed, a part"), set, |frame, _| {
        table.part(REF, GTF_permit_access | GTF_sub_page, me, frame, (16, 8));
    });
    uses(run, &format_args!("changed, passed on"), set, |frame, _| {
        table.page(OTHER, GTF_permit_access, me, frame);
        let flags = GTF_permit_access | GTF_transitive;
        table.grant_transitive(REF, flags, me, me, OTHER);
    });
    for ref_ in [REF, OTHER] {
        table.page(ref_, GTF_invalid, domid_t(0), xen_pfn_t(0));
    }
}

/// Maps a granted page for reading, changes its entry, and tries all other uses.
fn uses<G: Guest>(
    run: &mut Run<'_, G>,
    name: &core::fmt::Arguments<'_>,
    set: impl Fn(GrantEntryFlags, domid_t, xen_pfn_t),
    change: impl FnOnce(xen_pfn_t, xen_pfn_t),
) {
    let me = run.guest.domid();
    let (page, other, own) =
        (filled(run.guest, 0x11), filled(run.guest, 0x22), filled(run.guest, 0x33));
    let targets = [(); 3].map(|()| run.guest.target());
    set(GTF_permit_access, me, page.frame());
    let first = map(run.guest, &targets[0], GNTMAP_readonly, REF, me);
    run.step(format_args!("{name}, map"), first.outcome);
    change(page.frame(), other.frame());
    let here = |offset| local(own.frame(), DOMID_SELF, offset);
    let from = copy_bytes(run.guest, granted(REF, me, 16), here(0), 8, GNTCOPY_source_gref);
    run.step(format_args!("{name}, copy from it"), from);
    run.step(format_args!("{name}, copy from it, a byte"), byte(own.view(), 0));
    let to = copy_bytes(run.guest, here(100), granted(REF, me, 32), 8, GNTCOPY_dest_gref);
    run.step(format_args!("{name}, copy to it"), to);
    if first.outcome.is_ok() {
        run.step(format_args!("{name}, copy to it, a byte"), byte(mapped(&targets[0]), 32));
    }
    let second = map(run.guest, &targets[1], GNTMAP_readonly, REF, me);
    run.step(format_args!("{name}, map again"), second.outcome);
    let third = map(run.guest, &targets[2], FOR_WRITING, REF, me);
    run.step(format_args!("{name}, map for writing"), third.outcome);
    for (at, mapping) in [first, second, third].into_iter().enumerate() {
        if mapping.outcome.is_ok() {
            run.step(format_args!("{name}, unmap {at}"), unmap(run.guest, mapping));
        }
    }
}
