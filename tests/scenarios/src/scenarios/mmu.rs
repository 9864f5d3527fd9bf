//! `mmuext_op` and `update_va_mapping_otherdomain`: whose page tables they are for. What they do is in the scenario
//! `pv`.

#![allow(
    unsafe_code,
    reason = "one text for all kinds of guests, of which some have none of these"
)]

use core::ptr;

use xen_abi::xen::*;
use xen_ops::hypercall::Hypercall;

use crate::outcome::Returned;
use crate::{Guest, Run};

/// A domain that there is not.
const NONE: usize = 777;
/// Upstream's number of a command, which Arm's headers leave out.
const TLB_FLUSH_LOCAL: u64 = 6;
/// A command that no release has.
const UNKNOWN: u64 = 99;

pub(crate) fn mmu<G: Guest>(run: &mut Run<'_, G>) {
    let (me, bad) = (usize::from(DOMID_SELF.0), run.guest.bad_address());
    // The structure's three words; the second and third are not for these commands.
    let (flush, unknown) = ([TLB_FLUSH_LOCAL, 0, 0], [UNKNOWN, 0, 0]);
    let [flush, unknown] = [&flush, &unknown].map(|op| ptr::from_ref(op).expose_provenance());
    for (name, at, count, domid) in [
        ("no such domain", flush, 1, NONE),
        ("no such domain, bad address", bad, 1, NONE),
        ("none", flush, 0, me),
        ("flush", flush, 1, me),
        ("unknown command", unknown, 1, me),
        ("bad address", bad, 1, me),
    ] {
        // SAFETY: only the caller's own TLB is flushed.
        let result =
            unsafe { run.guest.xen().call4(__HYPERVISOR_mmuext_op, [at, count, 0, domid]) };
        run.step(format_args!("mmuext_op, {name}"), Returned(result));
    }
    // SAFETY: Xen refuses it.
    let result = unsafe {
        run.guest.xen().call4(__HYPERVISOR_update_va_mapping_otherdomain, [0, 0, 0, NONE])
    };
    run.step("update_va_mapping_otherdomain, no such domain", Returned(result));
}
