//! `XENNMI_*`: the handler of non-maskable interrupts of a PV guest's vCPU 0.
//!
//! Upstream: `xen/include/public/nmi.h`.

use xen_abi::nmi::*;
use xen_abi::xen::__HYPERVISOR_nmi_op;

use super::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_nmi_op(command, argument);
    commands XENNMI_*;
    callers pv as OPERATIONS;

    /// Sets the handler.
    ///
    /// # Errors
    ///
    /// `EINVAL`: a vCPU other than 0, or from 4.19 on an address that is not canonical.
    ///
    /// # Safety
    ///
    /// The address is that of a handler.
    unsafe single register_callback on x86 (in callback: &xennmi_callback) -> errno;

    /// Takes the handler away.
    single unregister_callback on x86 -> errno;
}
