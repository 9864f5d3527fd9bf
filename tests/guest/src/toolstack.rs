//! What a control domain does to others, where no toolstack does it.
//!
//! Upstream: `xen/include/public/domctl.h`.

#![allow(unsafe_code, reason = "a hypercall for toolstacks")]

use core::ptr;

use xen_abi::domctl::{
    XEN_DOMCTL_destroydomain, XEN_DOMCTL_getdomaininfo, XEN_DOMINF_shutdown, xen_domctl,
};
use xen_abi::xen::{__HYPERVISOR_domctl, domid_t};
use xen_ops::hypercall::Hypercall;
use xen_scenarios::{Guest as _, interface_version};

use crate::guest::LiveGuest;

/// Destroys a domain.
pub(crate) fn destroy(xen: &impl Hypercall, domain: domid_t) {
    domctl(xen, XEN_DOMCTL_destroydomain, domain);
}

/// Waits until a domain has shut down.
pub(crate) fn wait_for_shutdown(guest: &LiveGuest, domain: domid_t) {
    // The flags are where they were in 4.14.
    let flags = || domctl(guest.xen(), XEN_DOMCTL_getdomaininfo, domain).u.getdomaininfo().flags;
    while !flags().contains(XEN_DOMINF_shutdown) {
        guest.give_way();
    }
}

/// Asks Xen, which takes its own interface's version only, to do something with a domain. The commands have been the
/// same since 4.14.
fn domctl(xen: &impl Hypercall, cmd: u32, domain: domid_t) -> xen_domctl {
    let version =
        interface_version(|version| call(xen, XEN_DOMCTL_getdomaininfo, domain, version).0);
    let (result, op) = call(xen, cmd, domain, version.expect("a version that is asked for"));
    assert_eq!(result, 0, "domctl {cmd}");
    op
}

/// The result of a `domctl`, and what Xen has made of the argument.
fn call(
    xen: &impl Hypercall,
    cmd: u32,
    domain: domid_t,
    interface_version: u32,
) -> (isize, xen_domctl) {
    let mut op = xen_domctl { cmd, interface_version, domain, ..xen_domctl::ZERO };
    let at = ptr::from_mut(&mut op).expose_provenance();
    // SAFETY: Xen reads the command and writes what it answers; or it takes from the other domain what
    // it has of this one.
    let result = unsafe { xen.call1(__HYPERVISOR_domctl, [at]) };
    (result, op)
}
