//! Answers that depend on the release, the kind of guest, its privilege or the XSM policy.

use xen_abi::event_channel::*;
use xen_abi::xen::*;
use xen_sim::{Domain, DomainConfig, GuestKind, Release, Xen, Xsm};

use crate::support::*;

const RELEASES: [Release; 3] = [Release::V4_14, Release::V4_17, Release::V4_20];

/// An unprivileged domain of that kind and a control domain, on a machine of that release.
fn domains(release: Release, kind: GuestKind) -> (Domain, Domain) {
    let xen = Xen::builder().release(release).build();
    let a = xen.domain(DomainConfig::new(kind).pages(8)).unwrap();
    let tools = xen.domain(DomainConfig::new(kind).pages(8).privileged()).unwrap();
    (a, tools)
}

fn bind_virq(domain: &Domain, virq: u32) -> isize {
    let mut op = evtchn_bind_virq { virq, ..evtchn_bind_virq::ZERO };
    other_op(domain, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, &mut op)
}

fn alloc_unbound(domain: &Domain, dom: domid_t, remote_dom: domid_t) -> isize {
    let mut op = evtchn_alloc_unbound { dom, remote_dom, port: evtchn_port_t(0) };
    other_op(domain, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &mut op)
}

fn bind_interdomain(domain: &Domain, remote_dom: domid_t, remote_port: u32) -> isize {
    let remote_port = evtchn_port_t(remote_port);
    let mut op =
        evtchn_bind_interdomain { remote_dom, remote_port, ..evtchn_bind_interdomain::ZERO };
    other_op(domain, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, &mut op)
}

/// Only 4.21 keeps a global virtual interrupt to the domain that handles it.
#[test]
fn any_domain_binds_a_global_virq() {
    for release in RELEASES {
        let (a, tools) = domains(release, GuestKind::Pvh);
        assert_eq!((bind_virq(&a, VIRQ_CONSOLE), bind_virq(&tools, VIRQ_CONSOLE)), (0, 0));
        assert_eq!(bind_virq(&a, VIRQ_CONSOLE), -17);
    }
}

#[test]
fn a_port_is_allocated_before_anything_else_is_checked() {
    let xen = Xen::builder().xsm(Xsm::Silo).build();
    let a = xen.domain(DomainConfig::new(GuestKind::Pvh).pages(8)).unwrap();
    let b = xen.domain(DomainConfig::new(GuestKind::Pvh).pages(8)).unwrap();
    let tools = xen.domain(DomainConfig::new(GuestKind::Pvh).pages(8).privileged()).unwrap();
    assert_eq!(alloc_unbound(&a, DOMID_SELF, b.domid()), -1);
    assert_eq!(bind_interdomain(&a, tools.domid(), 9), -22);
    while alloc_unbound(&a, DOMID_SELF, tools.domid()) == 0 {}
    assert_eq!(alloc_unbound(&a, DOMID_SELF, tools.domid()), -28);
    assert_eq!(alloc_unbound(&a, DOMID_SELF, b.domid()), -28);
    assert_eq!(alloc_unbound(&b, a.domid(), b.domid()), -28, "though a is not b's to act on");
    assert_eq!(bind_interdomain(&a, tools.domid(), 9), -28);
    assert_eq!(bind_interdomain(&a, domid_t(77), 9), -3);
    // A domain that dies gets no port.
    b.set_dying();
    assert_eq!(alloc_unbound(&tools, b.domid(), tools.domid()), -22);
}

/// SILO looks the remote domain up; the dummy policy does not.
#[test]
fn silo_knows_whether_the_remote_domain_exists() {
    for (xsm, missing) in [(Xsm::Dummy, 0), (Xsm::Silo, -3)] {
        let xen = Xen::builder().xsm(xsm).build();
        let a = xen.domain(DomainConfig::new(GuestKind::Pvh).pages(8)).unwrap();
        let b = xen.domain(DomainConfig::new(GuestKind::Pvh).pages(8)).unwrap();
        let tools = xen.domain(DomainConfig::new(GuestKind::Pvh).pages(8).privileged()).unwrap();
        assert_eq!(alloc_unbound(&a, DOMID_SELF, domid_t(77)), missing);
        assert_eq!(alloc_unbound(&tools, DOMID_SELF, domid_t(77)), missing);
        assert_eq!(alloc_unbound(&tools, a.domid(), domid_t(77)), missing);
        // The policy comes before the question whose port it is.
        let other = if missing == 0 { -1 } else { missing };
        assert_eq!(alloc_unbound(&a, b.domid(), domid_t(77)), other);
        assert_eq!(alloc_unbound(&a, DOMID_SELF, DOMID_SELF), 0);
    }
}
