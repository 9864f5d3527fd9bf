//! A command with another operation's structure.

use xen_ops::hypercall::hypercalls;
use xen_ops::xen_abi::grant_table::*;
use xen_ops::xen_abi::xen::{__HYPERVISOR_grant_table_op, domid_t};

hypercalls! {
    unsafe hypercall __HYPERVISOR_grant_table_op(command, argument, count);
    commands GNTTABOP_*, arguments gnttab_*;

    /// The size of a table.
    single query_size: gnttab_get_version {
        in dom: domid_t,
        out nr_frames: u32,
    } -> errno;
}

fn main() {}
