//! `XENMEM_*`: the memory of domains.
//!
//! Upstream: `xen/include/public/memory.h`. Frames and pages are of 4096 bytes.

use xen_abi::memory::*;
use xen_abi::xen::{__HYPERVISOR_memory_op, domid_t, xen_pfn_t, xen_ulong_t};

use super::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_memory_op(command, argument);
    commands XENMEM_*, arguments xen_*;

    /// Allocates memory to `domid`, in extents of 2^`extent_order` pages, and lists their first machine
    /// frames.
    single increase_reservation: xen_memory_reservation {
        out extent_start: [xen_pfn_t] counted by nr_extents,
        in extent_order: u32,
        in mem_flags: u32,
        in domid: domid_t,
    } -> count;

    /// Releases memory of `domid`: the listed extents of 2^`extent_order` pages.
    ///
    /// # Safety
    ///
    /// If it is the caller's own memory, nothing relies on it.
    unsafe single decrease_reservation: xen_memory_reservation {
        in extent_start: [xen_pfn_t] counted by nr_extents,
        in extent_order: u32,
        in mem_flags: u32,
        in domid: domid_t,
    } -> count;

    /// Populates the listed guest frames of `domid`, in extents of 2^`extent_order` pages. In a PV
    /// guest the list holds the machine frames afterwards.
    ///
    /// # Safety
    ///
    /// If they are the caller's own frames, nothing relies on what is there.
    unsafe single populate_physmap: xen_memory_reservation {
        inout extent_start: [xen_pfn_t] counted by nr_extents,
        in extent_order: u32,
        in mem_flags: u32,
        in domid: domid_t,
    } -> count;

    /// Exchanges memory for memory of another kind. `nr_exchanged` is 0 on entry, and
    /// afterwards the number of pages of the first list that are gone, also if it fails. PV guests only.
    ///
    /// # Safety
    ///
    /// The handles are to lists of as many elements as the counts say, valid for reads and for writes,
    /// and nothing relies on the memory given.
    unsafe single exchange(inout exchange: xen_memory_exchange) -> errno_and_out;

    /// One more than the highest machine frame number that has memory, which is what Xen returns; the
    /// header says the highest.
    single maximum_ram_page -> value;

    /// The pages that `domid` has.
    single current_reservation(in domid: domid_t) -> value;

    /// The pages that `domid` may have.
    single maximum_reservation(in domid: domid_t) -> value;

    /// The highest guest frame number that `domid` has used.
    single maximum_gpfn(in domid: domid_t) -> value;

    /// Lists the machine frames of the machine-to-physical table, 2 MiB each.
    single machphys_mfn_list on x86 {
        out extent_start: [xen_pfn_t] counted by max_extents,
        out nr_extents: u32,
    } -> errno;

    /// The same for the table that 32-bit guests see.
    single machphys_compat_mfn_list: xen_machphys_mfn_list on x86 {
        out extent_start: [xen_pfn_t] counted by max_extents,
        out nr_extents: u32,
    } -> errno;

    /// Where the machine-to-physical table is: virtual addresses, and the highest frame number in it.
    single machphys_mapping on x86 {
        out v_start: xen_ulong_t,
        out v_end: xen_ulong_t,
        out max_mfn: xen_ulong_t,
    } -> errno;

    /// Places frame `idx` of a space (`XENMAPSPACE_*`) at guest frame `gpfn` of `domid`. `size` is the
    /// number of frames for `XENMAPSPACE_gmfn_range`, else 0. A range that fails stays half done. Before
    /// 4.20 a range that overlaps its destination loses pages: see
    /// [`Space::GmfnRange`](crate::memory::Space::GmfnRange).
    ///
    /// # Safety
    ///
    /// If it is the caller's own frame, nothing relies on what is there.
    unsafe single add_to_physmap {
        in domid: domid_t,
        in size: u16,
        in space: u32,
        in idx: xen_ulong_t,
        in gpfn: xen_pfn_t,
    } -> errno;

    /// Places frames of a space at guest frames of `domid`, as many as the shortest of the three lists
    /// has elements. The result is 0 even if entries fail: their error numbers, negative, are in `errs`.
    ///
    /// # Safety
    ///
    /// If they are the caller's own frames, nothing relies on what is there.
    unsafe single add_to_physmap_batch {
        in domid: domid_t,
        in space: u16,
        in u: xen_add_to_physmap_batch_extra,
        in idxs: [xen_ulong_t] counted by size,
        in gpfns: [xen_pfn_t] counted by size,
        out errs: [i32] counted by size,
    } -> errno;

    /// Removes what is at guest frame `gpfn` of `domid`.
    ///
    /// # Safety
    ///
    /// If it is the caller's own frame, nothing relies on what is there.
    unsafe single remove_from_physmap {
        in domid: domid_t,
        in gpfn: xen_pfn_t,
    } -> errno;

    /// The caller's memory map, as many entries as fit into `buffer`, and returns their number.
    single memory_map {
        out nr_entries: u32,
        out buffer: [[u8; E820_ENTRY_SIZE]] counted by nr_entries untyped,
    } -> errno;

    /// The machine's memory map, likewise. For the domain that runs the machine.
    single machine_memory_map: xen_memory_map on x86 {
        out nr_entries: u32,
        out buffer: [[u8; E820_ENTRY_SIZE]] counted by nr_entries untyped,
    } -> errno;

    /// Sets the map that [`memory_map`] returns to `domid`.
    ///
    /// # Safety
    ///
    /// The handle in `map` is to as many entries as its count says.
    unsafe single set_memory_map: xen_foreign_memory_map on x86 {
        in domid: domid_t,
        in map: xen_memory_map_t,
    } -> errno;

    /// Sets the number of pages of a domain with memory populated on demand.
    single set_pod_target: xen_pod_target on x86 {
        in target_pages: u64,
        out tot_pages: u64,
        out pod_cache_pages: u64,
        out pod_entries: u64,
        in domid: domid_t,
    } -> errno;

    /// The number of pages of a domain with memory populated on demand.
    single get_pod_target: xen_pod_target on x86 {
        out tot_pages: u64,
        out pod_cache_pages: u64,
        out pod_entries: u64,
        in domid: domid_t,
    } -> errno;

    /// The pages that sharing memory between domains has saved.
    single get_sharing_freed_pages -> value;

    /// The pages that domains share.
    single get_sharing_shared_pages -> value;

    /// Pages a domain's memory out and in.
    ///
    /// # Safety
    ///
    /// The handle is to a page for reading, if the operation reads one.
    unsafe single paging_op(inout op: xen_mem_paging_op) -> errno;

    /// Sets and reads what a domain may do with its own pages.
    ///
    /// # Safety
    ///
    /// The handles are to lists of `nr` elements, if the operation reads them.
    unsafe single access_op(inout op: xen_mem_access_op) -> errno_and_out;

    /// Shares memory between domains.
    ///
    /// # Safety
    ///
    /// If it is the caller's own memory, nothing relies on it.
    unsafe single sharing_op(inout op: xen_mem_sharing_op) -> errno_and_out;

    /// Claims memory for `domid` without allocating it: `nr_extents` pages in total; 0 cancels the claim.
    single claim_pages: xen_memory_reservation {
        in nr_extents: xen_ulong_t,
        in extent_order: u32,
        in mem_flags: u32,
        in domid: domid_t,
    } -> errno;

    /// Lists the memory that devices need at its machine address, and returns the number of ranges also if
    /// it fails: with `ENOBUFS` the list is too short.
    single reserved_device_memory_map {
        in flags: u32,
        out nr_entries: u32,
        out buffer: [xen_reserved_device_memory_t] counted by nr_entries,
        in dev: xen_reserved_device_memory_map_dev,
    } -> errno_and_out;

    /// Maps frames of a resource of `domid` (`XENMEM_resource_*`), in a translated guest at the guest frames
    /// of `frame_list`. In a PV guest the list holds machine frames afterwards.
    ///
    /// # Safety
    ///
    /// Nothing relies on what is at those guest frames.
    unsafe single acquire_resource: xen_mem_acquire_resource {
        in domid: domid_t,
        in type_: u16,
        in id: u32,
        out nr_frames: u32,
        in frame: u64,
        inout frame_list: [xen_pfn_t] counted by nr_frames,
    } -> errno;

    /// The number of frames that a resource has.
    single acquire_resource_size = XENMEM_acquire_resource: xen_mem_acquire_resource {
        in domid: domid_t,
        in type_: u16,
        in id: u32,
        out nr_frames: u32,
    } -> errno;

    /// The virtual NUMA layout of a domain. With `ENOBUFS` a list is too short, and the argument has the
    /// sizes.
    ///
    /// # Safety
    ///
    /// The handles are to lists for writing, of as many elements as the counts say.
    unsafe single get_vnumainfo(inout topology: xen_vnuma_topology_info) -> errno_and_out;
}

/// Bytes of an entry of a memory map: address and length, 64 bits each, and a type of 32 bits.
pub const E820_ENTRY_SIZE: usize = 20;
