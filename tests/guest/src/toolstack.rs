//! What a control domain does to others, where no toolstack does it.
//!
//! Upstream: `xen/include/public/domctl.h`.

#![allow(unsafe_code, reason = "a hypercall for toolstacks")]

use core::ptr;

use xen_abi::Errno;
use xen_abi::domctl::{XEN_DOMCTL_INTERFACE_VERSION, XEN_DOMCTL_destroydomain, xen_domctl};
use xen_abi::errno::XEN_EACCES;
use xen_abi::xen::{__HYPERVISOR_domctl, domid_t};
use xen_ops::hypercall::Hypercall;

/// The interface of the oldest release that is booted, 4.14. The command has been the same ever since.
const OLDEST_VERSION: u32 = 0x12;

/// Destroys a domain. Xen takes its own interface's version only.
pub(crate) fn destroy(xen: &impl Hypercall, domain: domid_t) {
    for interface_version in OLDEST_VERSION..=XEN_DOMCTL_INTERFACE_VERSION {
        let cmd = XEN_DOMCTL_destroydomain;
        let mut op = xen_domctl { cmd, interface_version, domain, ..xen_domctl::ZERO };
        let at = ptr::from_mut(&mut op).expose_provenance();
        // SAFETY: Xen reads the command, and takes from the other domain what it has of this one.
        let result = unsafe { xen.call1(__HYPERVISOR_domctl, [at]) };
        if Errno::from_result(result) != Some(XEN_EACCES) {
            return assert_eq!(result, 0, "destroydomain");
        }
    }
}
