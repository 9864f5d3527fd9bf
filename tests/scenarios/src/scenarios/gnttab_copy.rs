//! Copying between own frames and own grants, in version 1.

use xen_abi::grant_table::*;
use xen_abi::xen::{DOMID_IO, DOMID_SELF, domid_t, xen_pfn_t};
use xen_ops::page::Page;

use crate::grants::{V1, byte, copy_bytes, filled, granted, local};
use crate::outcome::Hex;
use crate::{Guest, Run};

const REF: grant_ref_t = grant_ref_t(10);
const READ_ONLY: grant_ref_t = grant_ref_t(11);
const REVOKED: grant_ref_t = grant_ref_t(12);
const BEYOND: grant_ref_t = grant_ref_t(0x7fff_ffff);

const FROM: GrantCopyFlags = GNTCOPY_source_gref;
const TO: GrantCopyFlags = GNTCOPY_dest_gref;

pub(crate) fn copy<G: Guest>(run: &mut Run<'_, G>) {
    let me = run.guest.domid();
    let absent = domid_t(777);
    let table = V1::map(run.guest);
    let (page, own) = (filled(run.guest, 0x11), filled(run.guest, 0x22));
    let (frame, here) = (page.frame(), own.frame());
    table.set(REF, GTF_permit_access, me, frame);
    table.set(READ_ONLY, GTF_permit_access | GTF_readonly, me, frame);
    table.set(REVOKED, GTF_invalid, me, frame);
    let nowhere = xen_pfn_t(0x7fff_ffff);
    let destination = local(here, DOMID_SELF, 100);
    let source = granted(REF, me, 0);

    let mut step = |name, from, to, len, flags| {
        let outcome = copy_bytes(run.guest, from, to, len, flags);
        run.step(name, outcome);
    };
    step("from a grant", source, destination, 16, FROM);
    step("to a grant", destination, granted(REF, me, 8), 4, TO);
    step("from a grant to a grant", source, granted(REF, me, 2048), 16, FROM | TO);
    step(
        "between own frames",
        local(frame, DOMID_SELF, 0),
        destination,
        8,
        GrantCopyFlags::empty(),
    );
    step("from a read-only grant", granted(READ_ONLY, me, 0), destination, 16, FROM);
    step("to a read-only grant", destination, granted(READ_ONLY, me, 0), 16, TO);
    step("from a grant, DOMID_SELF", granted(REF, DOMID_SELF, 0), destination, 16, FROM);
    step("from a frame, own number", local(frame, me, 0), destination, 16, GrantCopyFlags::empty());
    step(
        "from a frame of another",
        local(frame, absent, 0),
        destination,
        16,
        GrantCopyFlags::empty(),
    );
    step("to a frame, own number", source, local(here, me, 0), 16, FROM);
    step("to a frame of DOMID_IO", source, local(here, DOMID_IO, 0), 16, FROM);
    step("from a grant of no domain", granted(REF, absent, 0), destination, 16, FROM);
    step("from a revoked grant", granted(REVOKED, me, 0), destination, 16, FROM);
    step("from a reference beyond the table", granted(BEYOND, me, 0), destination, 16, FROM);
    step("to a frame that is none", source, local(nowhere, DOMID_SELF, 0), 16, FROM);
    step(
        "from a frame that is none",
        local(nowhere, DOMID_SELF, 0),
        destination,
        16,
        GrantCopyFlags::empty(),
    );
    step("a whole page", source, local(here, DOMID_SELF, 0), 4096, FROM);
    step("more than a page", source, local(here, DOMID_SELF, 0), 4097, FROM);
    step("beyond the end of the source", granted(REF, me, 4095), destination, 2, FROM);
    step("beyond the end of the destination", source, local(here, DOMID_SELF, 4095), 2, FROM);
    step("up to the end", granted(REF, me, 4094), destination, 2, FROM);
    step("offset of a page", granted(REF, me, 4096), destination, 1, FROM);
    step("no bytes, beyond all", granted(BEYOND, absent, 9999), destination, 0, FROM);
    step("flags that are none", source, destination, 16, FROM | GrantCopyFlags(4));

    run.step("a byte that was copied", byte(own.view(), 100));
    run.step("a byte that was copied to the grant", byte(page.view(), 8));
    run.step("flags of the entry", Hex(table.flags(REF).bits()));
    for ref_ in [REF, READ_ONLY, REVOKED] {
        table.set(ref_, GTF_invalid, domid_t(0), xen_pfn_t(0));
    }
}
