//! `XEN_DMOP_*`: what a device model does for the HVM or PVH domain `domid`.
//!
//! Each fails with `ESRCH` (no such domain), `EINVAL` (on x86, a PV domain), `EPERM` (the caller is neither the
//! domain's device model nor a control domain), and with `EINVAL` if padding is not 0. Arm has those about
//! ioreq servers, [`nr_vcpus`] and `set_irq_level`.
//!
//! Upstream: `xen/include/public/hvm/dm_op.h`.

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::hvm::dm_op::*;
use xen_abi::int::align8::u64 as uint64_aligned_t;
use xen_abi::xen::{__HYPERVISOR_dm_op, domid_t};

use super::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_dm_op(domid: domid_t, count, buffers xen_dm_op_buf);
    structure xen_dm_op {
        op: command,
        u: union xen_dm_op_u,
    }
    commands XEN_DMOP_*;
    callers device_model, control as OPERATIONS;

    /// Makes an ioreq server, and returns its number. `handle_bufioreq` is `HVM_IOREQSRV_BUFIOREQ_*`.
    ///
    /// # Errors
    ///
    /// `EINVAL` (no such `handle_bufioreq`), `ENOSPC` (the domain has 8), `ENOMEM`.
    single create_ioreq_server {
        in handle_bufioreq: u8,
        out id: ioservid_t,
    } -> errno;

    /// The frames and the port of an ioreq server. With `flags` `XEN_DMOP_no_gfns` the frames have no place in
    /// the domain, and are got with `XENMEM_acquire_resource`.
    ///
    /// # Errors
    ///
    /// `EINVAL` (no such `flags`), `ENOENT` (no such server), `EPERM` (another domain's), `ENOMEM`.
    single get_ioreq_server_info {
        in id: ioservid_t,
        in flags: IoreqServerInfoFlags,
        out bufioreq_port: evtchn_port_t,
        out ioreq_gfn: uint64_aligned_t,
        out bufioreq_gfn: uint64_aligned_t,
    } -> errno;

    /// Sends the accesses from `start` to `end`, both included, to the server. `type_` is
    /// `XEN_DMOP_IO_RANGE_*`.
    ///
    /// # Errors
    ///
    /// `EINVAL` (`start` above `end`, or no such `type_`), `ENOENT` (no such server), `EPERM` (another
    /// domain's), `EEXIST` (a part of the range is the server's already), `ENOMEM`.
    single map_io_range_to_ioreq_server {
        in id: ioservid_t,
        in type_: u32,
        in start: uint64_aligned_t,
        in end: uint64_aligned_t,
    } -> errno;

    /// Ends [`map_io_range_to_ioreq_server`].
    ///
    /// # Errors
    ///
    /// `EINVAL` (`start` above `end`, or no such `type_`), `ENOENT` (no such server, or the range is not the
    /// server's), `EPERM` (another domain's).
    single unmap_io_range_from_ioreq_server {
        in id: ioservid_t,
        in type_: u32,
        in start: uint64_aligned_t,
        in end: uint64_aligned_t,
    } -> errno;

    /// Turns a server on, or with 0 off.
    ///
    /// # Errors
    ///
    /// `ENOENT` (no such server), `EPERM` (another domain's).
    single set_ioreq_server_state {
        in id: ioservid_t,
        in enabled: u8,
    } -> errno;

    /// Ends a server.
    ///
    /// # Errors
    ///
    /// `ENOENT` (no such server), `EPERM` (another domain's).
    single destroy_ioreq_server {
        in id: ioservid_t,
    } -> errno;

    /// Which of `nr` frames from `first_pfn` on the domain has written since the last call: one bit each in
    /// `dirty_bitmap`.
    ///
    /// # Errors
    ///
    /// `EINVAL` (more frames than 1 GiB has, or than the bitmap has bits), `ENOMEM`, `EOPNOTSUPP` or `ENODATA`
    /// (Xen cannot tell).
    single track_dirty_vram on x86 {
        in nr: u32,
        in first_pfn: uint64_aligned_t,
        out dirty_bitmap: [u8] buffered,
    } -> errno;

    /// Sets the level of a PCI interrupt pin.
    ///
    /// # Errors
    ///
    /// `EINVAL`: a domain or bus other than 0, no such device or pin, or a level above 1.
    single set_pci_intx_level on x86 {
        in domain: u16,
        in bus: u8,
        in device: u8,
        in intx: u8,
        in level: u8,
    } -> errno;

    /// Sets the level of an ISA interrupt.
    ///
    /// # Errors
    ///
    /// `EINVAL`: no such interrupt, or a level above 1.
    single set_isa_irq_level on x86 {
        in isa_irq: u8,
        in level: u8,
    } -> errno;

    /// Routes a PCI link to an ISA interrupt, or with 0 to none.
    ///
    /// # Errors
    ///
    /// `EINVAL`: no such link or interrupt.
    single set_pci_link_route on x86 {
        in link: u8,
        in isa_irq: u8,
    } -> errno;

    /// Tells Xen that the device model has written frames, for the log of dirty pages of a migration.
    ///
    /// # Errors
    ///
    /// `EINVAL`: an extent that wraps or has padding.
    single modified_memory on x86 {
        in extents: [xen_dm_op_modified_memory_extent] counted by nr_extents buffered,
    } -> errno;

    /// Sets the type of `nr` frames from `first_pfn` on (`HVMMEM_*`).
    ///
    /// # Errors
    ///
    /// `EINVAL` (no such type, or frames above the domain's highest), `EOPNOTSUPP` (of an ioreq server without
    /// that), `EAGAIN` (a frame is paged out).
    ///
    /// # Safety
    ///
    /// If the memory is the caller's own, nothing relies on it.
    unsafe single set_mem_type on x86 {
        in nr: u32,
        in mem_type: u16,
        in first_pfn: uint64_aligned_t,
    } -> errno;

    /// Injects an event into a vCPU (`XEN_DMOP_EVENT_*`) when it runs next.
    ///
    /// # Errors
    ///
    /// `EINVAL` (no such vCPU), `EBUSY` (another event waits).
    single inject_event on x86 {
        in vcpuid: u32,
        in vector: u8,
        in type_: u8,
        in insn_len: u8,
        in error_code: u32,
        in cr2: uint64_aligned_t,
    } -> errno;

    /// Injects a message signalled interrupt.
    ///
    /// # Errors
    ///
    /// `EINVAL`: an address or data that no local APIC takes.
    single inject_msi on x86 {
        in data: u32,
        in addr: uint64_aligned_t,
    } -> errno;

    /// Sends the accesses to frames of type `HVMMEM_ioreq_server` to the server.
    ///
    /// # Errors
    ///
    /// `EINVAL` (another type, or no such flags; the server has it already), `ENOENT` (no such server),
    /// `EPERM` (another domain's), `EOPNOTSUPP` (the machine cannot do that), `EBUSY` (another server has it).
    single map_mem_type_to_ioreq_server on x86 {
        in id: ioservid_t,
        in type_: u16,
        in flags: IoreqMemAccessFlags,
    } -> errno;

    /// Ends the domain, and reports why (`SHUTDOWN_*`).
    single remote_shutdown on x86 {
        in reason: u32,
    } -> errno;

    /// Moves `size` frames from `src_gfn` to `dst_gfn`.
    ///
    /// # Errors
    ///
    /// `EINVAL` (padding), and those of `XENMEM_add_to_physmap`.
    ///
    /// # Safety
    ///
    /// If the memory is the caller's own, nothing relies on it.
    unsafe single relocate_memory on x86 {
        in size: u32,
        in src_gfn: uint64_aligned_t,
        in dst_gfn: uint64_aligned_t,
    } -> errno;

    /// Sets the cacheability of frames (`XEN_DMOP_MEM_CACHEATTR_*`), or ends that.
    ///
    /// # Errors
    ///
    /// `EINVAL` (no such type, or frames that cannot be), `ENOENT` (nothing to end), `EBUSY`, `ENOMEM`.
    ///
    /// # Safety
    ///
    /// If the memory is the caller's own, nothing relies on its cacheability.
    unsafe single pin_memory_cacheattr on x86 {
        in start: uint64_aligned_t,
        in end: uint64_aligned_t,
        in type_: u32,
    } -> errno;

    /// Sets the level of a shared peripheral interrupt.
    ///
    /// # Errors
    ///
    /// `EINVAL`: no such interrupt, one that Xen raises itself, or a level above 1.
    single set_irq_level on arm {
        in irq: u32,
        in level: u8,
    } -> errno;

    /// How many vCPUs the domain may have.
    single nr_vcpus {
        out vcpus: u32,
    } -> errno;
}
