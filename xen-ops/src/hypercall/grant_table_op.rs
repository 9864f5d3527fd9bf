//! `GNTTABOP_*`: grant tables.
//!
//! Upstream: `xen/include/public/grant_table.h`.

use xen_abi::GrantStatus;
use xen_abi::grant_table::*;
use xen_abi::xen::{__HYPERVISOR_grant_table_op, domid_t, xen_pfn_t};

use super::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_grant_table_op(command, argument, count);
    commands GNTTABOP_*, arguments gnttab_*;

    /// Maps granted frames at addresses of the caller's.
    ///
    /// # Safety
    ///
    /// Whatever was at `host_addr` is replaced by the frame of another domain, which may change it at
    /// any time. Nothing in the caller's program may rely on what was there, nor take what is there
    /// now for memory of its own. In a translated guest `host_addr` is a guest physical address in
    /// bytes, in a PV guest a virtual one, or that of a page-table entry with `GNTMAP_contains_pte`.
    unsafe batch map_grant_ref {
        in host_addr: u64,
        in flags: u32,
        in ref_: grant_ref_t,
        in dom: domid_t,
        out status: GrantStatus,
        out handle: grant_handle_t,
        out dev_bus_addr: u64,
    } -> status;

    /// Unmaps granted frames.
    ///
    /// With `host_addr` and `dev_bus_addr` both 0 nothing is unmapped and the status is okay.
    ///
    /// # Safety
    ///
    /// Nothing uses the mapping any more: afterwards there is nothing at `host_addr`.
    unsafe batch unmap_grant_ref {
        in host_addr: u64,
        in dev_bus_addr: u64,
        in handle: grant_handle_t,
        out status: GrantStatus,
    } -> status;

    /// Grows the table of `dom` to as many frames as `frame_list` has elements, unless it is larger
    /// already, and lists them: machine frames in a PV guest.
    single setup_table {
        in dom: domid_t,
        out status: GrantStatus,
        out frame_list: [xen_pfn_t] counted by nr_frames,
    } -> status;

    /// Prints a table on the console; not implemented by any release that is known here.
    single dump_table {
        in dom: domid_t,
        out status: GrantStatus,
    } -> status;

    /// Gives frames away to domains that accept them. PV guests only.
    ///
    /// # Safety
    ///
    /// The frame `mfn` is gone from the caller after any outcome but `GNTST_bad_page`: nothing relies
    /// on it.
    unsafe batch transfer on x86 {
        in mfn: xen_pfn_t,
        in domid: domid_t,
        in ref_: grant_ref_t,
        out status: GrantStatus,
    } -> status;

    /// Copies bytes between two frames, each named by a frame number of the caller's or a grant.
    ///
    /// # Safety
    ///
    /// Xen writes to the destination: if that is a frame of the caller's, nothing else uses those
    /// bytes meanwhile, and nothing relies on what they were.
    unsafe batch copy {
        in source: gnttab_copy_ptr,
        in dest: gnttab_copy_ptr,
        in len: u16,
        in flags: u16,
        out status: GrantStatus,
    } -> status;

    /// How many frames the table of `dom` has, and to how many it may grow.
    single query_size {
        in dom: domid_t,
        out nr_frames: u32,
        out max_nr_frames: u32,
        out status: GrantStatus,
    } -> status;

    /// Unmaps granted frames, and puts what is mapped at `new_addr` in their place. Of use in PV
    /// guests only.
    ///
    /// # Safety
    ///
    /// As unmapping; and nothing relies on what is at `new_addr`, where nothing is mapped afterwards.
    unsafe batch unmap_and_replace {
        in host_addr: u64,
        in new_addr: u64,
        in handle: grant_handle_t,
        out status: GrantStatus,
    } -> status;

    /// Chooses the format of the caller's table, 1 or 2, and returns the one in effect, which Xen
    /// reports when it refuses too.
    ///
    /// # Safety
    ///
    /// All entries but the 8 reserved ones are wiped, and the table is read in another format: nothing
    /// relies on a grant that was there.
    unsafe single set_version {
        inout version: u32,
    } -> errno_and_out;

    /// Lists the frames with the status words of a table of version 2.
    single get_status_frames {
        in dom: domid_t,
        out status: GrantStatus,
        out frame_list: [u64] counted by nr_frames,
    } -> status;

    /// The format of the table of `dom`: 1 or 2.
    single get_version {
        in dom: domid_t,
        out version: u32,
    } -> errno;

    /// Exchanges entries of the caller's table.
    ///
    /// # Safety
    ///
    /// Whoever owns one of the references owns the other one's grant afterwards: both agree to that.
    unsafe batch swap_grant_ref {
        in ref_a: grant_ref_t,
        in ref_b: grant_ref_t,
        out status: GrantStatus,
    } -> status;

    /// Cleans or invalidates the data cache for parts of granted frames. Bytes of the frame, which
    /// `offset` and `length` say, and `GNTTAB_CACHE_*` in `op`. Arm's guests and PV guests have it;
    /// x86 does not invalidate without cleaning (`EOPNOTSUPP`).
    ///
    /// # Safety
    ///
    /// Invalidating drops what was written and is not in memory yet: nothing relies on it.
    unsafe batch cache_flush {
        in a: gnttab_cache_flush_a,
        in offset: u16,
        in length: u16,
        in op: u32,
    } -> errno;
}
