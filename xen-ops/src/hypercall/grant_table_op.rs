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
    callers pv, hvm, arm as OPERATIONS;

    /// Maps granted frames at addresses of the caller's.
    ///
    /// # Errors
    ///
    /// The statuses, in the order of Xen's checks:
    ///
    /// | status | when |
    /// |---|---|
    /// | `GNTST_bad_gntref` | neither `GNTMAP_host_map` nor `GNTMAP_device_map` is set |
    /// | `GNTST_general_error` | `GNTMAP_device_map`, `GNTMAP_application_map` or `GNTMAP_contains_pte` in a translated guest |
    /// | `GNTST_bad_domain` | no domain `dom`, or `DOMID_SELF` |
    /// | `GNTST_permission_denied` | SILO: two domains of which neither is a control domain |
    /// | `GNTST_no_space` | no handle is free; `GNTST_no_device_space` before 4.16 |
    /// | `GNTST_bad_gntref` | the table has no such reference |
    /// | `GNTST_general_error` | it is in use by another domain or too often, is not granted to the caller for this access, or grants a part of a page |
    /// | `GNTST_eagain` | the page is paged out or shared |
    /// | `GNTST_bad_page` | the granted frame is not memory of the domain's own |
    /// | `GNTST_general_error` | the mapping cannot be made at `host_addr`, or for devices |
    ///
    /// # Safety
    ///
    /// What was at `host_addr` is replaced by a frame of another domain, which may change it at any time.
    /// Nothing in the caller's program relies on what was there, nor uses what is there now as its own
    /// memory. In a translated guest `host_addr` is a guest physical address in
    /// bytes, in a PV guest a virtual one, or that of a page-table entry with `GNTMAP_contains_pte`.
    unsafe batch map_grant_ref {
        in host_addr: u64,
        in flags: GrantMapFlags,
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
    /// # Errors
    ///
    /// The statuses, in the order of Xen's checks:
    ///
    /// | status | when |
    /// |---|---|
    /// | `GNTST_bad_handle` | no such mapping |
    /// | `GNTST_bad_dev_addr` | another `dev_bus_addr` than that of the mapping for devices; `GNTST_general_error` before 4.16, also of a mapping that is not for devices |
    /// | `GNTST_general_error` | something else is at `host_addr` |
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
    ///
    /// # Errors
    ///
    /// `EFAULT` (Xen cannot write the list; PV guests). The status, in the order of Xen's checks:
    /// `GNTST_bad_domain` (no such domain), `GNTST_permission_denied` (another domain, for an unprivileged
    /// caller), `GNTST_general_error` (more frames than the maximum, or no memory for them).
    single setup_table {
        in dom: domid_t,
        out status: GrantStatus,
        out frame_list: [xen_pfn_t] counted by nr_frames,
    } -> status;

    /// Prints a table on the console; no known release implements it.
    ///
    /// # Errors
    ///
    /// `ENOSYS`.
    single dump_table {
        in dom: domid_t,
        out status: GrantStatus,
    } -> status;

    /// Transfers frames to domains that accept them. PV guests only.
    ///
    /// # Errors
    ///
    /// The statuses that [`transfer`](crate::gnttab::transfer::transfer) lists. `EOPNOTSUPP` where transfers are
    /// disabled in Xen, and `ENOSYS` in a translated guest on x86.
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
    /// # Errors
    ///
    /// The statuses that the module [`copy`](crate::gnttab::copy) lists.
    ///
    /// # Safety
    ///
    /// Xen writes to the destination: if that is a frame of the caller's, nothing else uses those
    /// bytes meanwhile, and nothing relies on their previous contents.
    unsafe batch copy {
        in source: gnttab_copy_ptr,
        in dest: gnttab_copy_ptr,
        in len: u16,
        in flags: GrantCopyFlags,
        out status: GrantStatus,
    } -> status;

    /// The number of frames that the table of `dom` has, and its maximum.
    ///
    /// # Errors
    ///
    /// The status: `GNTST_bad_domain` (no such domain), `GNTST_permission_denied` (another domain, for an
    /// unprivileged caller).
    single query_size {
        in dom: domid_t,
        out nr_frames: u32,
        out max_nr_frames: u32,
        out status: GrantStatus,
    } -> status;

    /// Unmaps granted frames, and moves what is mapped at `new_addr` to their place. Useful in PV guests
    /// only.
    ///
    /// # Errors
    ///
    /// As [`unmap_grant_ref`]. In a translated guest `ENOSYS` on x86, and on Arm `GNTST_general_error`
    /// unless `new_addr` is 0.
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

    /// Sets the format of the caller's table, 1 or 2, and returns the one in effect, which Xen also
    /// reports when it refuses.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EINVAL` (neither 1 nor 2), `ENOSYS` (2 where the domain may have 1
    /// only), `EBUSY` (an entry other than the first 8 is in use). From version 1 to 2 `ENOMEM`. From 2 to
    /// 1 `EAGAIN` (a copy by a sub-page or transitive grant is under way), `ERANGE` (one of the first 8
    /// entries is transitive, or grants a frame beyond 32 bits), `EBUSY` (a status frame is mapped
    /// elsewhere).
    ///
    /// # Safety
    ///
    /// All entries but the 8 reserved ones are wiped, and the table is read in another format: nothing
    /// relies on a grant that was there.
    unsafe single set_version {
        inout version: u32,
    } -> errno_and_out;

    /// Lists the frames with the status words of a table of version 2.
    ///
    /// # Errors
    ///
    /// `ENOSYS` in a translated guest on x86, `EFAULT` (Xen cannot write the list; PV guests). The status,
    /// in the order of Xen's checks: `GNTST_bad_domain` (no such domain), `GNTST_permission_denied`
    /// (another domain, for an unprivileged caller), `GNTST_general_error` (more frames than there are; a
    /// table of version 1 has none).
    single get_status_frames {
        in dom: domid_t,
        out status: GrantStatus,
        out frame_list: [u64] counted by nr_frames,
    } -> status;

    /// The format of the table of `dom`: 1 or 2.
    ///
    /// # Errors
    ///
    /// `ESRCH` (no such domain), `EPERM` (another domain, for an unprivileged caller).
    single get_version {
        in dom: domid_t,
        out version: u32,
    } -> errno;

    /// Exchanges entries of the caller's table.
    ///
    /// # Errors
    ///
    /// The statuses, in the order of Xen's checks: `GNTST_bad_gntref` (the table has no such reference),
    /// `GNTST_eagain` (one of them is in use). A reference with itself is no error.
    ///
    /// # Safety
    ///
    /// The owner of each reference has the other one's grant afterwards, and expects that.
    unsafe batch swap_grant_ref {
        in ref_a: grant_ref_t,
        in ref_b: grant_ref_t,
        out status: GrantStatus,
    } -> status;

    /// Cleans or invalidates the data cache for the bytes of a granted frame that `offset` and `length`
    /// name; `op` is `GNTTAB_CACHE_*`. Guests on Arm, and PV guests before 4.21; x86 does
    /// not invalidate without cleaning.
    ///
    /// # Errors
    ///
    /// `ENOSYS` in a translated guest on x86, from 4.21 on in every guest on x86. Else in the order of
    /// Xen's checks: `EINVAL` (bytes outside the page, or other bits in `op` than `GNTTAB_CACHE_CLEAN` and
    /// `GNTTAB_CACHE_INVAL`), nothing if `length` or `op` is 0, `EINVAL` (no memory is at the address),
    /// `EPERM` (it is no domain's), `EINVAL` (it is another domain's, and the caller has not mapped it by a
    /// grant), `EOPNOTSUPP` (x86: `op` is `GNTTAB_CACHE_INVAL` only).
    ///
    /// # Safety
    ///
    /// Invalidating discards writes that are not in memory yet: nothing relies on them.
    unsafe batch cache_flush {
        in a: gnttab_cache_flush_a,
        in offset: u16,
        in length: u16,
        in op: CacheFlushFlags,
    } -> errno;
}
