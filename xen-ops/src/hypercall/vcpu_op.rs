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

    /// Sets the registers with which a vCPU of a PV guest starts. `EEXIST` if they are set already.
    ///
    /// # Safety
    ///
    /// The vCPU starts with code, stack and page tables that are valid for it.
    unsafe single initialise on x86 (in context: &vcpu_guest_context) -> errno;

    /// Starts a vCPU that has been initialised. Nothing happens to one that runs.
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
    /// # Safety
    ///
    /// Xen writes there whenever the vCPU is scheduled, in the current address space: the memory is
    /// used for nothing else in all of them, and accessed as shared memory only.
    unsafe single register_runstate_memory_area {
        in addr: vcpu_register_runstate_memory_area_addr,
    } -> errno;

    /// Raises `VIRQ_TIMER` every `period_ns` nanoseconds, at least 1 000 000.
    single set_periodic_timer on x86 {
        in period_ns: u64,
    } -> errno;

    /// Ends the periodic timer, which a new vCPU has.
    single stop_periodic_timer on x86 -> errno;

    /// Raises `VIRQ_TIMER` once, when the system time reaches `timeout_abs_ns` nanoseconds; at once if
    /// that has passed, or `ETIME` if `flags` is `VCPU_SSHOTTMR_future` and Xen is older than 4.18. The vCPU is
    /// the one that calls.
    single set_singleshot_timer on x86 {
        in timeout_abs_ns: u64,
        in flags: u32,
    } -> errno;

    /// Ends the timer of [`set_singleshot_timer`]. The vCPU is the one that calls.
    single stop_singleshot_timer on x86 -> errno;

    /// Moves a vCPU's `vcpu_info` to byte `offset` of frame `mfn`. Once only.
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
    /// `EINVAL` unless the caller is the hardware domain and the vCPU is pinned.
    single get_physid on x86 {
        out phys_id: u64,
    } -> errno;

    /// Makes Xen update `vcpu_time_info` at a virtual address.
    ///
    /// # Safety
    ///
    /// As [`register_runstate_memory_area`].
    unsafe single register_vcpu_time_memory_area: vcpu_register_time_memory_area on x86 {
        in addr: vcpu_register_time_memory_area_addr,
    } -> errno;

    /// Makes Xen update `vcpu_runstate_info` at a guest physical address, in bytes.
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
    /// # Safety
    ///
    /// As [`register_runstate_phys_area`].
    unsafe single register_vcpu_time_phys_area: vcpu_register_time_memory_area on x86 {
        in addr: vcpu_register_time_memory_area_addr,
    } -> errno;
}
