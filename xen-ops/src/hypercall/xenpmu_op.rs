//! `XENPMU_*`: the processor's performance counters.
//!
//! `EOPNOTSUPP` if Xen was not started with `vpmu`, or if the caller is a translated guest.
//!
//! Upstream: `xen/include/public/pmu.h`.

use xen_abi::pmu::*;
use xen_abi::xen::__HYPERVISOR_xenpmu_op;

use super::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_xenpmu_op(command, argument);
    commands XENPMU_*;
    callers pv, hvm as OPERATIONS;

    /// Who may use the counters (`XENPMU_MODE_*`).
    ///
    /// # Errors
    ///
    /// `EPERM`: the caller is not the hardware domain.
    single mode_get: xen_pmu_params on x86 by pv, hvm, hardware {
        out val: u64,
    } -> errno;

    /// Sets who may use the counters: one of `XENPMU_MODE_*`, or 0.
    ///
    /// # Errors
    ///
    /// `EPERM` (the caller is not the hardware domain), `EINVAL` (no such mode), `EBUSY` (counters are in
    /// use), `EAGAIN`.
    single mode_set: xen_pmu_params on x86 by pv, hvm, hardware {
        in val: u64,
    } -> errno;

    /// Which counters guests have (`XENPMU_FEATURE_*`).
    ///
    /// # Errors
    ///
    /// `EPERM`: the caller is not the hardware domain.
    single feature_get: xen_pmu_params on x86 by pv, hvm, hardware {
        out val: u64,
    } -> errno;

    /// Sets which counters guests have.
    ///
    /// # Errors
    ///
    /// `EPERM` (the caller is not the hardware domain), `EINVAL` (no such feature), `EBUSY` (counters are in
    /// use).
    single feature_set: xen_pmu_params on x86 by pv, hvm, hardware {
        in val: u64,
    } -> errno;

    /// Gives a vCPU the frame `val`, in which Xen and guest share `xen_pmu_data`.
    ///
    /// # Errors
    ///
    /// `EINVAL`: no such vCPU, it has one, or the frame is not writable memory of the caller's.
    ///
    /// # Safety
    ///
    /// Xen writes to the frame from then on: it is used for nothing else, and accessed as shared memory only.
    unsafe single init: xen_pmu_params on x86 by pv {
        in val: u64,
        in vcpu: u32,
    } -> errno;

    /// Ends [`init`].
    single finish: xen_pmu_params on x86 by pv {
        in vcpu: u32,
    } -> errno;

    /// Sets the interrupt of the counters to what the shared page says.
    ///
    /// # Errors
    ///
    /// `EINVAL`: the vCPU has no shared page.
    single lvtpc_set on x86 by pv -> errno;

    /// Loads the counters from the shared page.
    ///
    /// # Errors
    ///
    /// `EINVAL` (the vCPU has no shared page), `EIO` (values that the processor does not take).
    single flush on x86 by pv -> errno;
}
