//! `__HYPERVISOR_xen_version`: what Xen says of itself.
use crate::{Guest, Run};
use xen_abi::xen::__HYPERVISOR_xen_version;
use xen_ops::hypercall::Hypercall;

#[allow(unsafe_code, reason = "hypercalls")]
pub(crate) fn version<G: Guest>(run: &mut Run<'_, G>) {
    // SAFETY: no pointer is handed over.
    let version = unsafe { run.guest.xen().call2(__HYPERVISOR_xen_version, [0, 0]) };
    run.step("XENVER_version", format_args!("{}.{}", version >> 16, version & 0xffff));
}
