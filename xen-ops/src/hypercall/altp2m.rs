//! `HVMOP_altp2m_*`: alternate views of a domain's memory, on x86.
//!
//! Each fails with `EOPNOTSUPP` (the machine cannot do that, a PV domain, or views that are not enabled),
//! `ESRCH` (no such domain), `EINVAL` (`HVM_PARAM_ALTP2M` of the domain, or from 4.19 on its creation flag, is
//! 0), and `EPERM` (that mode does not let the caller). Of the machines, those with Intel's EPT can: Xen has no
//! views on AMD's processors, nor on an emulator that plays one.
//!
//! Upstream: `xen/include/public/hvm/hvm_op.h`.

use xen_abi::hvm::hvm_op::*;
use xen_abi::xen::{__HYPERVISOR_hvm_op, domid_t};

use super::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_hvm_op(op = HVMOP_altp2m, argument);
    structure xen_hvm_altp2m_op {
        version = HVMOP_ALTP2M_INTERFACE_VERSION,
        cmd: command,
        domain: domid_t,
        u: union xen_hvm_altp2m_op_u,
    }
    commands HVMOP_altp2m_*;
    callers hvm, control as OPERATIONS;

    /// Whether the domain has views: 1 or 0.
    single get_domain_state: domain_state {
        out state: u8,
    } -> errno;

    /// Gives the domain views, or with 0 takes them away.
    ///
    /// # Errors
    ///
    /// `EINVAL` (a domain with nested virtualisation), `ENOMEM`.
    single set_domain_state: domain_state {
        in state: u8,
    } -> errno;

    /// Has the processor tell a vCPU about violations of its view, in the frame `gfn`, instead of Xen.
    ///
    /// # Errors
    ///
    /// `EINVAL`: no such vCPU, it has a frame already, or the frame is not the domain's.
    ///
    /// # Safety
    ///
    /// The frame is used for nothing else, and the vCPU handles the exceptions.
    unsafe single vcpu_enable_notify: enable_notify {
        in vcpu_id: u32,
        in gfn: u64,
    } -> errno;

    /// Ends [`vcpu_enable_notify`].
    ///
    /// # Errors
    ///
    /// `EINVAL`: no such vCPU.
    single vcpu_disable_notify: disable_notify {
        in vcpu_id: u32,
    } -> errno;

    /// Makes a view, in which frames have the default access (`XENMEM_access_*`), and returns its number.
    ///
    /// # Errors
    ///
    /// `EINVAL` (no such access), `ENOSPC` or `EINVAL` (no view is free).
    single create_p2m: view {
        in hvmmem_default_access: u16,
        out view: u16,
    } -> errno;

    /// Ends a view.
    ///
    /// # Errors
    ///
    /// `EINVAL` (no such view, or view 0), `EBUSY` (a vCPU uses it).
    single destroy_p2m: view {
        in view: u16,
    } -> errno;

    /// Has all vCPUs of the domain use a view.
    ///
    /// # Errors
    ///
    /// `EINVAL`: no such view.
    ///
    /// # Safety
    ///
    /// If the domain is the caller, nothing relies on memory that the view has otherwise.
    unsafe single switch_p2m: view {
        in view: u16,
    } -> errno;

    /// Sets what a frame of a view may be used for (`XENMEM_access_*`).
    ///
    /// # Errors
    ///
    /// `EINVAL` (no such view or access), `ESRCH` (no such frame), `ENOMEM`.
    ///
    /// # Safety
    ///
    /// If the domain is the caller, nothing relies on the access that the frame loses.
    unsafe single set_mem_access: mem_access {
        in view: u16,
        in access: u16,
        in gfn: u64,
    } -> errno;

    /// What a frame of a view may be used for.
    ///
    /// # Errors
    ///
    /// `EINVAL` (no such view), `ESRCH` (no such frame).
    single get_mem_access: mem_access {
        in view: u16,
        in gfn: u64,
        out access: u16,
    } -> errno;

    /// [`set_mem_access`] for the frames of `pfn_list`, each with its own access.
    ///
    /// # Errors
    ///
    /// As [`set_mem_access`]. Those before the one that failed are done.
    ///
    /// # Safety
    ///
    /// As [`set_mem_access`].
    unsafe single set_mem_access_multi {
        in view: u16,
        in pfn_list: [core::primitive::u64] counted by nr,
        in access_list: [u8] counted by nr,
    } -> errno;

    /// Has frame `old_gfn` of a view be what `new_gfn` is; all bits set ends that.
    ///
    /// # Errors
    ///
    /// `EINVAL`: no such view, or a frame that cannot be.
    ///
    /// # Safety
    ///
    /// If the domain is the caller, nothing relies on what the frame was.
    unsafe single change_gfn {
        in view: u16,
        in old_gfn: u64,
        in new_gfn: u64,
    } -> errno;

    /// Sets whether violations of a frame go to Xen, and not to the vCPU.
    ///
    /// # Errors
    ///
    /// `EINVAL` (no such view), `ESRCH` (no such frame), `EOPNOTSUPP` (the machine cannot do that).
    single set_suppress_ve: suppress_ve {
        in view: u16,
        in suppress_ve: u8,
        in gfn: u64,
    } -> errno;

    /// Whether violations of a frame go to Xen: 1 or 0.
    ///
    /// # Errors
    ///
    /// As [`set_suppress_ve`].
    single get_suppress_ve: suppress_ve {
        in view: u16,
        in gfn: u64,
        out suppress_ve: u8,
    } -> errno;

    /// [`set_suppress_ve`] for the frames from `first_gfn` to `last_gfn`, both included. Returns the first
    /// frame that failed and its error number, 0 if none did.
    ///
    /// # Errors
    ///
    /// `EINVAL`: no such view, or `first_gfn` above `last_gfn`.
    single set_suppress_ve_multi: suppress_ve_multi {
        in view: u16,
        in suppress_ve: u8,
        in first_gfn: u64,
        in last_gfn: u64,
        out first_error: i32,
        out first_error_gfn: u64,
    } -> errno;

    /// The view that a vCPU uses.
    ///
    /// # Errors
    ///
    /// `EINVAL`: no such vCPU.
    single get_p2m_idx: get_vcpu_p2m_idx {
        in vcpu_id: u32,
        out altp2m_idx: u16,
    } -> errno;

    /// Sets whether the domain can switch to a view itself.
    ///
    /// # Errors
    ///
    /// `EINVAL`: no such view.
    single set_visibility {
        in altp2m_idx: u16,
        in visible: u8,
    } -> errno;
}
