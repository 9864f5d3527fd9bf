//! `HVMOP_*`: operations of translated guests.
//!
//! Upstream: `xen/include/public/hvm/hvm_op.h`, and `hvm/params.h` for the parameters.

use xen_abi::hvm::hvm_op::*;
use xen_abi::xen::{__HYPERVISOR_hvm_op, domid_t};

use super::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_hvm_op(command, argument);
    commands HVMOP_*, arguments xen_hvm_*;
    callers pv, hvm, arm as OPERATIONS;

    /// Sets the parameter `index` (`HVM_PARAM_*`) of `domid`.
    ///
    /// # Errors
    ///
    /// On x86, in the order of Xen's checks: `EINVAL` (no such parameter), `ESRCH` (no such domain),
    /// `EINVAL` (a PV domain), `EPERM` (another domain, for an unprivileged caller).
    ///
    /// Then `EINVAL` (a parameter of earlier releases), `EPERM` (one that a domain does not set for
    /// itself), `EEXIST` (one that is set once and has another value already), `EINVAL` (a value that it
    /// cannot have). `HVM_PARAM_ALTP2M` is read-only from 4.19 on: `EEXIST`; before, a control domain sets
    /// it once for another domain.
    ///
    /// On Arm: `ESRCH`, `EPERM` (another domain, for an unprivileged caller; all parameters for itself),
    /// `EINVAL` (no parameter of Arm's).
    ///
    /// # Safety
    ///
    /// Some parameters say where Xen writes, and some how it interrupts the domain: if that is the
    /// caller's, the memory is used for nothing else and the handler is in place.
    unsafe single set_param: xen_hvm_param {
        in domid: domid_t,
        in index: u32,
        in value: u64,
    } -> errno;

    /// The parameter `index` (`HVM_PARAM_*`) of `domid`.
    ///
    /// # Errors
    ///
    /// As [`set_param`], without those about values. A domain can also read `HVM_PARAM_STORE_PFN` and
    /// `HVM_PARAM_CONSOLE_PFN` for itself, on x86 `HVM_PARAM_ALTP2M`, and on Arm the parameters about
    /// xenstore, the console and the callback.
    single get_param: xen_hvm_param {
        in domid: domid_t,
        in index: u32,
        out value: u64,
    } -> errno;

    /// Flushes the TLBs of all the caller's vCPUs.
    ///
    /// # Errors
    ///
    /// `EINVAL`: a PV guest.
    single flush_tlbs on x86 -> errno;

    /// Reports that the page tables at guest physical address `gpa`, in bytes, are about to be freed. Shadow
    /// paging uses it. `domid` is the caller's.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `ESRCH` (no such domain), `EOPNOTSUPP` (not the caller's), `EINVAL`
    /// (it has no shadow page tables).
    single pagetable_dying on x86 {
        in domid: domid_t,
        in gpa: u64,
    } -> errno;

    /// Xen's system time in nanoseconds.
    single get_time on x86 {
        out now: u64,
    } -> errno;

    /// Writes an event of the guest's, with `extra_bytes` of `extra` (a multiple of 4), to Xen's trace
    /// buffer.
    ///
    /// # Errors
    ///
    /// `EINVAL`: more than 28 bytes, an `event` of 2^12 or above, or from 4.18 on `extra_bytes` that is not
    /// a multiple of 4.
    single xentrace on x86 {
        in event: u16,
        in extra_bytes: u16,
        in extra: [u8; 28],
    } -> errno;

    /// The type of guest frame `pfn` of `domid` (`HVMMEM_*`).
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `ESRCH` (no such domain), `EPERM` (another domain, for an unprivileged
    /// caller), `EINVAL` (a PV domain).
    single get_mem_type on x86 {
        in domid: domid_t,
        in pfn: u64,
        out mem_type: u16,
    } -> errno;

    /// Has the vCPU interrupted with `vector`, at least 16, through its local APIC when events arrive.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EINVAL` (a PV guest, or a vector below 16), `ENOENT` (no such vCPU).
    ///
    /// # Safety
    ///
    /// The vector's gate leads to a handler.
    unsafe single set_evtchn_upcall_vector: xen_hvm_evtchn_upcall_vector on x86 {
        in vcpu: u32,
        in vector: u8,
    } -> errno;

    /// Sends an event to the monitor of the domain.
    single guest_request_vm_event -> errno;

    /// One of the operations `HVMOP_altp2m_*` on alternate views of a domain's memory, which `cmd` of the
    /// argument says.
    ///
    /// # Errors
    ///
    /// In the order of Xen's checks: `EOPNOTSUPP` (the machine cannot do that), `EINVAL` (padding that is
    /// not 0, or another `version`), `EOPNOTSUPP` (no such `cmd`), `ESRCH` (no such domain), `EOPNOTSUPP`
    /// (a PV domain, or views that are not enabled), `EINVAL` (`HVM_PARAM_ALTP2M` of the domain is 0),
    /// `EPERM` (that mode does not let the caller). Then those of the operation.
    ///
    /// # Safety
    ///
    /// Handles in the argument are to lists of as many elements as the counts say. If the memory is
    /// the caller's own, nothing relies on what the operation changes.
    unsafe single altp2m on x86 (inout op: xen_hvm_altp2m_op) -> errno_and_out;
}
