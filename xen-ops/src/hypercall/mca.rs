//! `XEN_MC_*`: machine checks.
//!
//! For a control domain, else `EPERM`. One command is obsolete and has no function:
//! `XEN_MC_notifydomain`.
//!
//! Upstream: `xen/include/public/arch-x86/xen-mca.h`.

use xen_abi::arch_x86::xen_mca::*;

use super::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_mca(argument);
    structure xen_mc {
        cmd: command,
        interface_version = XEN_MCA_INTERFACE_VERSION,
        u: union xen_mc_u,
    }
    commands XEN_MC_*;
    callers control as OPERATIONS;

    /// Fetches a record of an error, or acknowledges one (`XEN_MC_*`).
    ///
    /// # Errors
    ///
    /// `EINVAL`: no such kind of error, or flags that are not in the header.
    ///
    /// # Safety
    ///
    /// The handle is to a record, which Xen writes.
    unsafe single fetch: mc_fetch (inout fetch: xen_mc_fetch) -> errno;

    /// Describes the physical CPUs, and returns how many Xen has written.
    ///
    /// # Errors
    ///
    /// `EINVAL` (no CPU), `ENOMEM`.
    single physcpuinfo: mc_physcpuinfo {
        out ncpus: u32,
        out info: [xen_mc_logical_cpu_t] counted by ncpus,
    } -> errno;

    /// Makes a physical CPU see values in its model specific registers for machine checks.
    ///
    /// # Errors
    ///
    /// `EINVAL`: no such CPU, no such registers, or more than there are.
    ///
    /// # Safety
    ///
    /// The error that the CPU sees then is what the caller wants.
    unsafe single msrinject: mc_msrinject (in msrs: xen_mc_msrinject) -> errno;

    /// Raises a machine check on a physical CPU.
    ///
    /// # Errors
    ///
    /// `EINVAL`: no such CPU.
    ///
    /// # Safety
    ///
    /// The machine handles the check, or ends.
    unsafe single mceinject: mc_mceinject {
        in mceinj_cpunr: u32,
    } -> errno;

    /// Raises a machine check, or one that is only logged, on a set of physical CPUs.
    ///
    /// # Errors
    ///
    /// `EINVAL`: no such kind, or no such CPU.
    ///
    /// # Safety
    ///
    /// The handle is to as many bits as it says. The machine handles the check, or ends.
    unsafe single inject_v2: mc_inject_v2 (in check: xen_mc_inject_v2) -> errno;
}
