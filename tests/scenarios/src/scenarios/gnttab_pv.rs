//! What only PV guests have in effect, transferring and replacing; and what only Arm has, flushing.

#![allow(unsafe_code, reason = "hypercalls that an architecture's typed wrappers leave out")]

use core::ptr;

use xen_abi::grant_table::*;
use xen_abi::xen::{DOMID_SELF, domid_t, xen_pfn_t};
use xen_ops::hypercall::UNTOUCHED;
use xen_ops::page::{MapTarget, Page};

use crate::grants::{FOR_WRITING, Mapping, V1, filled, map, unmap};
use crate::outcome::{Hex, Status};
use crate::{Guest, Run};

const REF: grant_ref_t = grant_ref_t(13);
const ACCEPT: grant_ref_t = grant_ref_t(14);

pub(crate) fn pv<G: Guest>(run: &mut Run<'_, G>) {
    let table = V1::map(run.guest);
    transfers(run, &table);
    replacements(run, &table);
    flushes(run, &table);
}

fn transfers<G: Guest>(run: &mut Run<'_, G>, table: &V1) {
    let me = run.guest.domid();
    let mapped = run.guest.page().frame();
    let mut transfer = |name: &str, frame: Option<xen_pfn_t>, domid, ref_| {
        let mfn = frame.unwrap_or_else(|| run.guest.loose_frame());
        let zero = gnttab_transfer::ZERO;
        let mut op = gnttab_transfer { mfn, domid, ref_, status: UNTOUCHED, ..zero };
        let at = ptr::from_mut(&mut op).expose_provenance();
        // SAFETY: nothing uses the page, which is lost.
        unsafe { run.raw_grant(name, GNTTABOP_transfer, at, 1) };
        run.step(format_args!("{name}, status"), Status(op.status));
    };
    transfer("transfer, mapped", Some(mapped), me, REF);
    transfer("transfer, no such frame", Some(xen_pfn_t(0x7fff_ffff)), me, REF);
    transfer("transfer, no such domain", None, domid_t(777), REF);
    transfer("transfer, DOMID_SELF", None, DOMID_SELF, REF);
    transfer("transfer, no entry accepts", None, me, REF);
    table.set(ACCEPT, GTF_accept_transfer, me, xen_pfn_t(0));
    transfer("transfer", None, me, ACCEPT);
    run.step("transfer, flags of the entry", Hex(table.flags(ACCEPT).bits()));
    table.set(ACCEPT, GTF_invalid, domid_t(0), xen_pfn_t(0));
}

fn replacements<G: Guest>(run: &mut Run<'_, G>, table: &V1) {
    let me = run.guest.domid();
    let (target, elsewhere) = (run.guest.target(), run.guest.target());
    let nothing = run.guest.target();
    let page = filled(run.guest, 0x33);
    table.set(REF, GTF_permit_access, me, page.frame());
    let mapping = map(run.guest, &target, FOR_WRITING, REF, me);
    let second = map(run.guest, &elsewhere, FOR_WRITING, REF, me);
    let mut replace = |name: &str, mapping: Mapping, new_addr| {
        let Mapping { host_addr, handle, .. } = mapping;
        let zero = gnttab_unmap_and_replace::ZERO;
        let status = UNTOUCHED;
        let mut op = gnttab_unmap_and_replace { host_addr, new_addr, handle, status, ..zero };
        let at = ptr::from_mut(&mut op).expose_provenance();
        // SAFETY: both are targets, and the page is used no more.
        unsafe { run.raw_grant(name, GNTTABOP_unmap_and_replace, at, 1) };
        run.step(format_args!("{name}, status"), Status(op.status));
    };
    let unknown = Mapping { handle: grant_handle_t(12345), ..mapping };
    replace("replace, no such handle", unknown, 0);
    let wrong = Mapping { host_addr: nothing.host_addr(), ..mapping };
    replace("replace, another address", wrong, nothing.host_addr());
    replace("replace", mapping, elsewhere.host_addr());
    run.step("replace, flags of the entry", Hex(table.flags(REF).bits()));
    // Where it could be replaced, what was mapped elsewhere is here now.
    if run.guest.kind().is_translated() {
        run.step("replace, unmap the first", unmap(run.guest, mapping));
        run.step("replace, unmap the second", unmap(run.guest, second));
    } else {
        let moved = Mapping { host_addr: target.host_addr(), ..second };
        run.step("replace, unmap what moved", unmap(run.guest, moved));
    }
    run.step("replace, flags of the entry after all", Hex(table.flags(REF).bits()));
    table.set(REF, GTF_invalid, domid_t(0), xen_pfn_t(0));
}

fn flushes<G: Guest>(run: &mut Run<'_, G>, table: &V1) {
    let me = run.guest.domid();
    let target = run.guest.target();
    let page = filled(run.guest, 0x44);
    table.set(REF, GTF_permit_access, me, page.frame());
    let mapping = map(run.guest, &target, FOR_WRITING, REF, me);
    // The machine's address, which a domain that is not in place knows of what it has mapped.
    let own = mapping.bus;
    let flush = |run: &mut Run<'_, G>,
                 name: &str,
                 by: u64,
                 (offset, length): (u16, u16),
                 op: CacheFlushFlags| {
        let a = if op.contains(GNTTAB_CACHE_SOURCE_GREF) {
            gnttab_cache_flush_a::from_ref(grant_ref_t(by as u32))
        } else {
            gnttab_cache_flush_a::from_dev_bus_addr(by)
        };
        let mut op = gnttab_cache_flush { a, offset, length, op };
        let at = ptr::from_mut(&mut op).expose_provenance();
        // SAFETY: nothing relies on what is in the page.
        unsafe { run.raw_grant(name, GNTTABOP_cache_flush, at, 1) };
    };
    let (clean, inval) = (GNTTAB_CACHE_CLEAN, GNTTAB_CACHE_INVAL);
    flush(run, "flush, own page that is not mapped", own + (1 << 40), (0, 64), clean);
    flush(run, "flush, clean", own, (0, 4096), clean);
    flush(run, "flush, invalidate", own, (64, 64), inval);
    flush(run, "flush, both", own, (0, 64), clean | inval);
    flush(run, "flush, neither", own, (0, 64), CacheFlushFlags::empty());
    flush(run, "flush, no bytes", own, (0, 0), clean);
    flush(run, "flush, beyond the end", own, (4095, 2), clean);
    flush(run, "flush, unknown bits", own, (0, 64), CacheFlushFlags(4));
    flush(run, "flush, by reference", REF.0.into(), (0, 64), clean | GNTTAB_CACHE_SOURCE_GREF);
    run.step("flush, unmap", unmap(run.guest, mapping));
    flush(run, "flush, unmapped", own, (0, 64), clean);
    table.set(REF, GTF_invalid, domid_t(0), xen_pfn_t(0));
}
