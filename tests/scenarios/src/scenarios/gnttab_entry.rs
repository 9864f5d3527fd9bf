//! What every `grant_table_op` checks before it does anything.

#![allow(unsafe_code, reason = "hypercalls that no typed wrapper makes")]

use core::ptr;

use xen_abi::grant_table::*;
use xen_abi::xen::DOMID_SELF;
use xen_ops::hypercall::grant_table_op::dump_table;

use crate::{Guest, Run};

/// Operations that Xen goes through element by element.
const LOOPED: [(&str, u32); 7] = [
    ("map_grant_ref", GNTTABOP_map_grant_ref),
    ("unmap_grant_ref", GNTTABOP_unmap_grant_ref),
    ("transfer", GNTTABOP_transfer),
    ("copy", GNTTABOP_copy),
    ("unmap_and_replace", GNTTABOP_unmap_and_replace),
    ("swap_grant_ref", GNTTABOP_swap_grant_ref),
    ("cache_flush", GNTTABOP_cache_flush),
];

/// Operations with one argument.
const SINGLE: [(&str, u32); 5] = [
    ("setup_table", GNTTABOP_setup_table),
    ("query_size", GNTTABOP_query_size),
    ("set_version", GNTTABOP_set_version),
    ("get_status_frames", GNTTABOP_get_status_frames),
    ("get_version", GNTTABOP_get_version),
];

pub(crate) fn entry<G: Guest>(run: &mut Run<'_, G>) {
    let bad = run.guest.bad_address();
    let mut size = gnttab_query_size { dom: DOMID_SELF, ..gnttab_query_size::ZERO };
    let at = ptr::from_mut(&mut size).expose_provenance();
    // SAFETY: Xen finds that there is no argument, or reads and writes the one that is there.
    unsafe {
        for (name, command) in LOOPED {
            run.raw_grant(format_args!("{name}, count 0"), command, at, 0);
            run.raw_grant(format_args!("{name}, count 0, bad address"), command, bad, 0);
            run.raw_grant(format_args!("{name}, bad address"), command, bad, 1);
        }
        for (name, command) in SINGLE {
            run.raw_grant(format_args!("{name}, bad address"), command, bad, 1);
        }
        // Those that do not look at the count would be done, with an argument of another kind.
        for (name, command) in [SINGLE[0], SINGLE[1], SINGLE[3]] {
            for count in [0, 2] {
                run.raw_grant(format_args!("{name}, count {count}"), command, at, count);
            }
        }
        let query = GNTTABOP_query_size;
        run.raw_grant("count -1", query, at, 0xffff_ffff);
        run.raw_grant("count -1, unknown command", 99, at, 0xffff_ffff);
        run.raw_grant("unknown command", 99, at, 1);
        run.raw_grant("unknown command, bad address", 99, bad, 1);
        run.raw_grant("command with a bit above", query | 1 << 12, at, 1);
        run.raw_grant("command with the highest bit", query | 1 << 31, at, 1);
    }
    let dumped = dump_table(run.guest.xen(), DOMID_SELF);
    run.outcome("dump_table", dumped);
}
