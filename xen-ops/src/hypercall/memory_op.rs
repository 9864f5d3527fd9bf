//! `XENMEM_*`: the memory of domains.
//!
//! Upstream: `xen/include/public/memory.h`. Frames and pages are of 4096 bytes.

use xen_abi::memory::*;
use xen_abi::xen::{__HYPERVISOR_memory_op, domid_t, xen_pfn_t, xen_ulong_t};

use super::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_memory_op(command, argument);
    commands XENMEM_*, arguments xen_*;
    callers pv, hvm, arm as OPERATIONS;

    /// Allocates memory to `domid`, in extents of 2^`extent_order` pages, and lists their first machine
    /// frames.
    ///
    /// # Errors
    ///
    /// Xen does no extent if there are 2^26 or more, there is no such domain, it is another domain and the
    /// caller is unprivileged, or the order is above what the caller may use.
    single increase_reservation: xen_memory_reservation {
        out extent_start: [xen_pfn_t] counted by nr_extents,
        in extent_order: u32,
        in mem_flags: MemoryFlags,
        in domid: domid_t,
    } -> count;

    /// Releases memory of `domid`: the listed extents of 2^`extent_order` pages.
    ///
    /// # Errors
    ///
    /// As [`increase_reservation`].
    ///
    /// # Safety
    ///
    /// If it is the caller's own memory, nothing relies on it.
    unsafe single decrease_reservation: xen_memory_reservation {
        in extent_start: [xen_pfn_t] counted by nr_extents,
        in extent_order: u32,
        in mem_flags: MemoryFlags,
        in domid: domid_t,
    } -> count;

    /// Populates the listed guest frames of `domid`, in extents of 2^`extent_order` pages. In a PV
    /// guest the list holds the machine frames afterwards.
    ///
    /// # Errors
    ///
    /// As [`increase_reservation`].
    ///
    /// # Safety
    ///
    /// If they are the caller's own frames, nothing relies on what is there.
    unsafe single populate_physmap: xen_memory_reservation {
        inout extent_start: [xen_pfn_t] counted by nr_extents,
        in extent_order: u32,
        in mem_flags: MemoryFlags,
        in domid: domid_t,
    } -> count;

    /// Exchanges memory for memory of another kind. `nr_exchanged` is 0 on entry, and
    /// afterwards the number of pages of the first list that are gone, also if it fails. PV guests only.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EPERM` (an order above the caller's maximum), `EINVAL`
    /// (`nr_exchanged` above `nr_extents`, other domains or numbers of pages on the two sides, an unknown
    /// node), `ESRCH` (no such domain), `EPERM` (another domain, for an unprivileged caller). For each
    /// chunk `ENOMEM` (a page that is shared), `EINVAL` (no page of the domain's), `EOPNOTSUPP` (a
    /// translated domain), `ENOMEM` (no memory as asked for).
    ///
    /// # Safety
    ///
    /// The handles are to lists of as many elements as the counts say, valid for reads and for writes,
    /// and nothing relies on the memory given.
    unsafe single exchange(inout exchange: xen_memory_exchange) -> errno_and_out;

    /// One more than the highest machine frame number that has memory, which is what Xen returns; the
    /// header says the highest. It does not fail.
    single maximum_ram_page -> value;

    /// The pages that `domid` has.
    ///
    /// # Errors
    ///
    /// `ESRCH` (no such domain), `EPERM` (another domain, for an unprivileged caller).
    single current_reservation(in domid: domid_t) -> value;

    /// The pages that `domid` may have.
    ///
    /// # Errors
    ///
    /// As [`current_reservation`].
    single maximum_reservation(in domid: domid_t) -> value;

    /// The highest guest frame number that `domid` has used.
    ///
    /// # Errors
    ///
    /// As [`current_reservation`].
    single maximum_gpfn(in domid: domid_t) -> value;

    /// Lists the machine frames of the machine-to-physical table, 2 MiB each. Xen makes no check: every guest
    /// is told.
    single machphys_mfn_list on x86 {
        out extent_start: [xen_pfn_t] counted by max_extents,
        out nr_extents: u32,
    } -> errno;

    /// The same for the table that 32-bit guests see.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` (Xen runs no 32-bit PV guests).
    single machphys_compat_mfn_list: xen_machphys_mfn_list on x86 {
        out extent_start: [xen_pfn_t] counted by max_extents,
        out nr_extents: u32,
    } -> errno;

    /// Where the machine-to-physical table is: virtual addresses, and the highest frame number in it.
    ///
    /// # Errors
    ///
    /// `ENOSYS` in a translated guest.
    single machphys_mapping on x86 {
        out v_start: xen_ulong_t,
        out v_end: xen_ulong_t,
        out max_mfn: xen_ulong_t,
    } -> errno;

    /// Places frame `idx` of a space (`XENMAPSPACE_*`) at guest frame `gpfn` of `domid`. `size` is the
    /// number of frames for `XENMAPSPACE_gmfn_range`, else 0. A range that fails stays half done. A range
    /// that overlaps its destination can lose pages: see
    /// [`Space::GmfnRange`](crate::memory::Space::GmfnRange).
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `ENOSYS` (`XENMAPSPACE_gmfn_foreign`), `ESRCH` (no such domain),
    /// `EACCES` (a PV domain; `XENMAPSPACE_dev_mmio` for another domain than the hardware domain's own),
    /// `EPERM` (another domain, for an unprivileged caller), from 4.17 on `EINVAL` (`gpfn` has all bits
    /// set), `EOVERFLOW` (a range that ends past the last frame). Then those of the space: on x86 `EINVAL`
    /// for a space that it lacks, on Arm `ENOSYS`.
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
    /// # Errors
    ///
    /// Of the whole, in the order of Xen's checks: `EOPNOTSUPP` (`XENMAPSPACE_gmfn_range`), then `ESRCH`,
    /// `EACCES` and `EPERM` as [`add_to_physmap`]. From 4.17 on also `EINVAL` for an element of `gpfns`
    /// with all bits set: the elements before it are done.
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
    /// # Errors
    ///
    /// In the order of Xen's checks: `ESRCH` (no such domain), `EACCES` (a PV domain), `EPERM` (another
    /// domain, for an unprivileged caller), `ENOENT` (nothing is there).
    ///
    /// # Safety
    ///
    /// If it is the caller's own frame, nothing relies on what is there.
    unsafe single remove_from_physmap {
        in domid: domid_t,
        in gpfn: xen_pfn_t,
    } -> errno;

    /// The caller's memory map, as many entries as fit into `buffer`, and returns their number.
    ///
    /// # Errors
    ///
    /// `ENOSYS`: the domain was given no map. Always on Arm.
    single memory_map {
        out nr_entries: u32,
        out buffer: [[u8; E820_ENTRY_SIZE]] counted by nr_entries untyped,
    } -> errno;

    /// The machine's memory map, likewise. For the domain that runs the machine.
    ///
    /// # Errors
    ///
    /// In a translated guest `ENOSYS` before 4.19. `EPERM` (the caller is not a control domain), `EINVAL`
    /// (`buffer` does not hold at least one entry more than there are ranges).
    single machine_memory_map: xen_memory_map on x86 {
        out nr_entries: u32,
        out buffer: [[u8; E820_ENTRY_SIZE]] counted by nr_entries untyped,
    } -> errno;

    /// Sets the map that [`memory_map`] returns to `domid`.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EINVAL` (more than 1024 entries), `ESRCH` (no such domain), `EPERM`
    /// (another domain, for an unprivileged caller), `ENOMEM`.
    ///
    /// # Safety
    ///
    /// The handle in `map` is to as many entries as its count says.
    unsafe single set_memory_map: xen_foreign_memory_map on x86 {
        in domid: domid_t,
        in map: xen_memory_map_t,
    } -> errno;

    /// Sets the number of pages of a domain with memory populated on demand.
    ///
    /// # Errors
    ///
    /// `ESRCH` (no such domain), `EINVAL` (not an HVM or PVH domain), `EPERM` (the caller is not a control
    /// domain), `EINVAL` (more pages than the domain may have), `ENOMEM`. Before 4.17 `EPERM` comes before
    /// the kind of the domain, which Xen does not check.
    single set_pod_target: xen_pod_target on x86 {
        in target_pages: u64,
        out tot_pages: u64,
        out pod_cache_pages: u64,
        out pod_entries: u64,
        in domid: domid_t,
    } -> errno;

    /// The number of pages of a domain with memory populated on demand.
    ///
    /// # Errors
    ///
    /// `ESRCH` (no such domain), `EINVAL` (not an HVM or PVH domain), `EPERM` (the caller is not a control
    /// domain). Before 4.17 Xen does not check the kind of the domain.
    single get_pod_target: xen_pod_target on x86 {
        out tot_pages: u64,
        out pod_cache_pages: u64,
        out pod_entries: u64,
        in domid: domid_t,
    } -> errno;

    /// The pages that sharing memory between domains has saved: 0 on Arm, and if Xen is built without memory
    /// sharing. It does not fail.
    single get_sharing_freed_pages -> value;

    /// The pages that domains share: 0 where [`get_sharing_freed_pages`] is. It does not fail.
    single get_sharing_shared_pages -> value;

    /// Pages a domain's memory out and in. For the domain's device model.
    ///
    /// # Errors
    ///
    /// `ENOSYS` on Arm, and from 4.16 on if Xen is built without paging, which is the default. On x86 in the
    /// order of Xen's checks: `ESRCH` (no such domain, or `DOMID_SELF`), `EPERM` (the caller's own number),
    /// `EINVAL` (the domain is dying), `EPERM` (the caller may not act as its device model), `ENODEV` (the
    /// paging ring of the domain is not set up), `ENOSYS` (no such operation).
    ///
    /// Then `EBUSY` (a page that cannot be nominated or evicted, since it is in use or not the domain's RAM),
    /// and of `XENMEM_paging_op_prep` `EINVAL` (the buffer is not at an address of the caller's, or not
    /// aligned to a page), `ENOENT` (the frame is not paged out), `ENOMEM`, `EFAULT`.
    ///
    /// # Safety
    ///
    /// The handle is to a page for reading, if the operation reads one.
    unsafe single paging_op(inout op: xen_mem_paging_op) -> errno;

    /// Sets and reads what a domain may do with its own pages. For a domain that monitors it.
    ///
    /// # Errors
    ///
    /// `ENOSYS` if Xen is built without access rights of pages. Else in the order of Xen's checks: `ESRCH`
    /// (no such domain, or `DOMID_SELF`), `EPERM` (the caller's own number), `EINVAL` (the domain is dying;
    /// on x86 also one that is not HVM or PVH with hardware-assisted paging on a processor with VMX), `EPERM`
    /// (the caller may not act as its device model), `ENODEV` (the monitor ring of the domain is not set
    /// up), `ENOSYS` (no such operation), `EINVAL` (no such right, or frames past the domain's last one).
    ///
    /// # Safety
    ///
    /// The handles are to lists of `nr` elements, if the operation reads them.
    unsafe single access_op(inout op: xen_mem_access_op) -> errno_and_out;

    /// Shares memory between domains. For their device model.
    ///
    /// # Errors
    ///
    /// `ENOSYS` on Arm, and if Xen is built without memory sharing, which is the default. On x86 in the order
    /// of Xen's checks, but for `XENMEM_sharing_op_audit`: `ESRCH` (no such domain, or `DOMID_SELF`), `EPERM`
    /// (the caller's own number), `EINVAL` (the domain is dying), `EPERM` (the caller may not act as its
    /// device model). Unless the domain shares memory already: `EOPNOTSUPP` (it is not HVM or PVH, or the
    /// processor has no VMX), `ENODEV` (it has no hardware-assisted paging), `EXDEV` (it has an IOMMU). Then
    /// `ENOSYS` (no such operation).
    ///
    /// Operations on two domains check the second in the same way as the first, with `EINVAL` if it does not
    /// share memory. Then those of the operation.
    ///
    /// # Safety
    ///
    /// If it is the caller's own memory, nothing relies on it.
    unsafe single sharing_op(inout op: xen_mem_sharing_op) -> errno_and_out;

    /// Claims memory for `domid` without allocating it: `nr_extents` pages in total; 0 cancels the claim.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EOPNOTSUPP` (Xen colours its caches), `EINVAL` (an order or flags
    /// other than 0; no such domain, or `DOMID_SELF`), `EPERM` (the caller is not a control domain),
    /// `EINVAL` (the domain is dying, from 4.19.5, 4.20.3, 4.21.1 and 4.22 on). Unless the claim is
    /// cancelled, `EINVAL` (one is active already, or `nr_extents` is not above what the domain has or is
    /// above what it may have), `ENOMEM` (not so much memory is free and unclaimed).
    single claim_pages: xen_memory_reservation {
        in nr_extents: xen_ulong_t,
        in extent_order: u32,
        in mem_flags: MemoryFlags,
        in domid: domid_t,
    } -> errno;

    /// Lists the memory that devices need at its machine address, and returns the number of ranges also if
    /// it fails: with `ENOBUFS` the list is too short.
    ///
    /// # Errors
    ///
    /// `EINVAL` (flags other than `XENMEM_RDM_ALL`), `ENOBUFS` (the list is too short).
    single reserved_device_memory_map {
        in flags: u32,
        out nr_entries: u32,
        out buffer: [xen_reserved_device_memory_t] counted by nr_entries,
        in dev: xen_reserved_device_memory_map_dev,
    } -> errno_and_out;

    /// Maps frames of a resource of `domid` (`XENMEM_resource_*`), in a translated guest at the guest frames
    /// of `frame_list`. In a PV guest the list holds machine frames afterwards.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EACCES` on x86 (up to 4.18 a translated caller other than the
    /// hardware domain; from 4.19 on one with alternate views of its memory or nested virtualisation), in 4.14
    /// also on Arm (a caller other than the hardware domain), `E2BIG` (before 4.15, more than 32 frames), from 4.15 on `EINVAL` (a range that ends past 32-bit
    /// numbers), `EPERM` (the caller's own number), `ESRCH` (no such domain, or `DOMID_SELF`), `EPERM` (an
    /// unprivileged caller), `EINVAL` (it has no such resource, or not so many frames of it), `ENOENT` (no
    /// such vCPU or I/O request server). Placing a frame can fail too; `EIO` if it is not the first of 32.
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
    ///
    /// # Errors
    ///
    /// Those of [`acquire_resource`]. Before 4.15 the answer is 32, whatever the domain and the resource.
    single acquire_resource_size = XENMEM_acquire_resource: xen_mem_acquire_resource {
        in domid: domid_t,
        in type_: u16,
        in id: u32,
        out nr_frames: u32,
    } -> errno;

    /// The virtual NUMA layout of a domain. With `ENOBUFS` a list is too short, and the argument has the
    /// sizes.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `ESRCH` (no such domain), `EPERM` (another domain, for an unprivileged
    /// caller), `EOPNOTSUPP` (the domain has no virtual NUMA layout), `ENOBUFS`, `ENOMEM`, `EAGAIN` (the
    /// layout changed meanwhile).
    ///
    /// # Safety
    ///
    /// The handles are to lists for writing, of as many elements as the counts say.
    unsafe single get_vnumainfo(inout topology: xen_vnuma_topology_info) -> errno_and_out;
}

/// Bytes of an entry of a memory map: address and length, 64 bits each, and a type of 32 bits.
pub const E820_ENTRY_SIZE: usize = 20;
