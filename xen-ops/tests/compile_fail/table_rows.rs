//! What rows may not say: all of it at once.

use xen_ops::hypercall::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_grant_table_op(command, argument, count);
    commands GNTTABOP_*, arguments gnttab_*;

    /// No status to look at.
    single query_size {
        in dom: domid_t,
        out nr_frames: u32,
    } -> status;

    /// Nothing says what the caller answers for.
    unsafe batch swap_grant_ref {
        in ref_a: grant_ref_t,
        in ref_b: grant_ref_t,
        out status: GrantStatus,
    } -> status;

    /// A row of that name is there.
    single query_size {
        in dom: domid_t,
    } -> errno;

    /// Xen does not run on it.
    single get_version on sparc {
        in dom: domid_t,
        out version: u32,
    } -> errno;

    /// Nothing to count.
    single set_version(inout version: u32) -> count;

    /// Nothing says how long the list is.
    single setup_table {
        out frame_list: [xen_pfn_t],
        out status: GrantStatus,
    } -> status;
}

fn main() {}
