//! `VCPUOP_*`: the vCPUs of the caller's domain.
//!
//! Upstream: `xen/include/public/vcpu.h`. `ENOENT` for a vCPU that the domain does not have. On Arm vCPUs
//! are started through PSCI, and only two of these operations exist.

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use xen_abi::arch_x86::xen::vcpu_guest_context;
use xen_abi::vcpu::*;
use xen_abi::xen::__HYPERVISOR_vcpu_op;

use super::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_vcpu_op(command, vcpuid: u32, argument);
    commands VCPUOP_*, arguments vcpu_*;
    callers pv, hvm, arm as OPERATIONS;

    /// Sets the registers with which a vCPU of a PV guest starts.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EINVAL` (the vCPU's `vcpu_info` is not registered and has no place in
    /// the shared information page), `ENOMEM`, `EEXIST` (initialised already), `EINVAL` (addresses,
    /// descriptors or page tables that cannot be the guest's).
    ///
    /// # Safety
    ///
    /// The vCPU starts with code, stack and page tables that are valid for it.
    unsafe single initialise on x86 by pv (in context: &vcpu_guest_context) -> errno;

    /// Sets the registers with which a vCPU of an HVM or PVH guest starts.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EINVAL` (the `vcpu_info` of a vCPU above 31 is not registered), `ENOMEM`,
    /// `EEXIST` (initialised already), `EINVAL` (no such mode, or registers that contradict each other),
    /// `EOPNOTSUPP` (a mode that the guest cannot have).
    ///
    /// # Safety
    ///
    /// The vCPU starts with code, stack and page tables that are valid for it.
    #[cfg(feature = "hvm")]
    unsafe single initialise_hvm = VCPUOP_initialise on x86 by hvm (
        in context: &xen_abi::hvm::hvm_vcpu::vcpu_hvm_context
    ) -> errno;

    /// Starts a vCPU that has been initialised. Nothing happens to one that runs.
    ///
    /// # Errors
    ///
    /// `EINVAL`: the vCPU is not initialised.
    single up on x86 -> errno;

    /// Stops a vCPU, at the latest when it is next scheduled. The domain is shut down with its last one.
    single down on x86 -> errno;

    /// Whether a vCPU has been started and not stopped: 1 or 0.
    single is_up on x86 -> value;

    /// How long a vCPU has been in which state (`RUNSTATE_*`), in nanoseconds.
    single get_runstate_info: vcpu_runstate_info on x86 {
        out state: i32,
        out state_entry_time: u64,
        out time: [u64; 4],
    } -> errno;

    /// Makes Xen update `vcpu_runstate_info` at a virtual address.
    ///
    /// # Errors
    ///
    /// `EFAULT`: in a PV guest, an address that is not the guest's.
    ///
    /// # Safety
    ///
    /// Xen writes there whenever the vCPU is scheduled, in the current address space: the memory is
    /// used for nothing else in all of them, and accessed as shared memory only.
    unsafe single register_runstate_memory_area {
        in addr: vcpu_register_runstate_memory_area_addr,
    } -> errno;

    /// Raises `VIRQ_TIMER` every `period_ns` nanoseconds, at least 1 000 000.
    ///
    /// # Errors
    ///
    /// `EINVAL`: less than 1 000 000 ns, or 2^62 ns or more.
    single set_periodic_timer on x86 {
        in period_ns: u64,
    } -> errno;

    /// Ends the periodic timer, which a new vCPU has.
    single stop_periodic_timer on x86 -> errno;

    /// Raises `VIRQ_TIMER` once, when the system time reaches `timeout_abs_ns` nanoseconds; at once if
    /// that has passed. The vCPU is the one that calls.
    ///
    /// # Errors
    ///
    /// `EINVAL` (another vCPU than the caller). Before 4.17 `ETIME` (the time has passed and `flags` is
    /// `VCPU_SSHOTTMR_future`).
    single set_singleshot_timer on x86 {
        in timeout_abs_ns: u64,
        in flags: SingleshotFlags,
    } -> errno;

    /// Ends the timer of [`set_singleshot_timer`]. The vCPU is the one that calls.
    ///
    /// # Errors
    ///
    /// `EINVAL`: another vCPU than the caller.
    single stop_singleshot_timer on x86 -> errno;

    /// Moves a vCPU's `vcpu_info` to byte `offset` of frame `mfn`. Once only.
    ///
    /// # Errors
    ///
    /// Of several, the first that applies. Before 4.18 Xen looks at the offset first.
    ///
    /// | | before 4.16 | 4.16 and 4.17 | from 4.18 on |
    /// |---|---|---|---|
    /// | `offset` is not inside the frame | `EINVAL` | `ENXIO` | `EINVAL` |
    /// | registered already | `EINVAL` | `EINVAL` | `EBUSY` |
    /// | across the end of the page, or misaligned | `EINVAL` | `ENXIO` | `ENXIO` |
    /// | the frame is not memory of the caller's | `EINVAL` | `EINVAL` | `EINVAL` |
    /// | it is not writable | `EINVAL` | `EINVAL` | `EACCES` |
    ///
    /// `ENOMEM`. Before 4.18 also `EINVAL` for another vCPU that is up. From 4.18 on also `EAGAIN` (the
    /// page is paged out or shared), and on x86 `EPERM` (the frame is of a device).
    ///
    /// # Safety
    ///
    /// Xen uses it there from then on: the memory is used for nothing else, and accessed as shared memory
    /// only.
    unsafe single register_vcpu_info {
        in mfn: u64,
        in offset: u32,
    } -> errno;

    /// Sends a non-maskable interrupt to a vCPU.
    single send_nmi on x86 -> errno;

    /// The physical CPU of a pinned vCPU: the APIC's number in the low 32 bits, ACPI's in the high ones.
    ///
    /// # Errors
    ///
    /// `EINVAL` unless the caller is the hardware domain and the vCPU can run on one physical CPU only.
    single get_physid on x86 {
        out phys_id: u64,
    } -> errno;

    /// Makes Xen update `vcpu_time_info` at a virtual address.
    ///
    /// # Errors
    ///
    /// As [`register_runstate_memory_area`].
    ///
    /// # Safety
    ///
    /// As [`register_runstate_memory_area`].
    unsafe single register_vcpu_time_memory_area: vcpu_register_time_memory_area on x86 {
        in addr: vcpu_register_time_memory_area_addr,
    } -> errno;

    /// Makes Xen update `vcpu_runstate_info` at a guest physical address, in bytes.
    ///
    /// # Errors
    ///
    /// `ENOSYS` before 4.18. Then, in the order of Xen's checks: `ENXIO` (across the end of a page, or not
    /// aligned to a word), `EAGAIN` (the page is paged out or shared), `EPERM` (the frame is of a device),
    /// `EINVAL` (it is not memory of the caller's), `EACCES` (it is not writable), `ENOMEM`. The address
    /// with all bits set ends it.
    ///
    /// # Safety
    ///
    /// Xen writes there from then on: the memory is used for nothing else, and accessed as shared memory
    /// only.
    unsafe single register_runstate_phys_area: vcpu_register_runstate_memory_area on x86 {
        in addr: vcpu_register_runstate_memory_area_addr,
    } -> errno;

    /// Makes Xen update `vcpu_time_info` at a guest physical address, in bytes.
    ///
    /// # Errors
    ///
    /// As [`register_runstate_phys_area`].
    ///
    /// # Safety
    ///
    /// As [`register_runstate_phys_area`].
    unsafe single register_vcpu_time_phys_area: vcpu_register_time_memory_area on x86 {
        in addr: vcpu_register_time_memory_area_addr,
    } -> errno;
}
