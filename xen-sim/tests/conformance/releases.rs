//! Answers that depend on the release, the kind of guest, its privilege or the XSM policy.

use xen_abi::event_channel::*;
use xen_abi::features::*;
use xen_abi::hvm::hvm_op::*;
use xen_abi::hvm::params::*;
use xen_abi::memory::*;
use xen_abi::sched::SHUTDOWN_poweroff;
use xen_abi::vcpu::*;
use xen_abi::version::*;
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

fn version<T: xen_abi::Plain>(domain: &Domain, command: u32, op: &mut T) -> isize {
    other_op(domain, __HYPERVISOR_xen_version, command, op)
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
    assert_eq!(alloc_unbound(&a, DOMID_SELF, domid(&b)), -1);
    assert_eq!(bind_interdomain(&a, domid(&tools), 9), -22);
    while alloc_unbound(&a, DOMID_SELF, domid(&tools)) == 0 {}
    assert_eq!(alloc_unbound(&a, DOMID_SELF, domid(&tools)), -28);
    assert_eq!(alloc_unbound(&a, DOMID_SELF, domid(&b)), -28);
    assert_eq!(alloc_unbound(&b, domid(&a), domid(&b)), -28, "though a is not b's to act on");
    assert_eq!(bind_interdomain(&a, domid(&tools), 9), -28);
    assert_eq!(bind_interdomain(&a, domid_t(77), 9), -3);
    // A domain that dies gets no port.
    b.set_dying();
    assert_eq!(alloc_unbound(&tools, domid(&b), domid(&tools)), -22);
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
        assert_eq!(alloc_unbound(&tools, domid(&a), domid_t(77)), missing);
        // The policy comes before the question whose port it is.
        let other = if missing == 0 { -1 } else { missing };
        assert_eq!(alloc_unbound(&a, domid(&b), domid_t(77)), other);
        assert_eq!(alloc_unbound(&a, DOMID_SELF, DOMID_SELF), 0);
    }
}

#[test]
fn only_control_domains_learn_build_id_and_command_line() {
    for release in RELEASES {
        let (a, tools) = domains(release, GuestKind::Pvh);
        let size = |domain, command: u32| {
            call(domain, __HYPERVISOR_xen_version, [command as usize, 0, 0, 0, 0])
        };
        assert_eq!((size(&a, XENVER_build_id), size(&tools, XENVER_build_id)), (-1, 20));
        let commandline2 = if release == Release::V4_20 { (-1, 11) } else { (-38, -38) };
        let sizes = (size(&a, XENVER_commandline2), size(&tools, XENVER_commandline2));
        assert_eq!(sizes, commandline2);
        let mut line: xen_commandline_t = [7; 1024];
        assert_eq!(version(&a, XENVER_commandline, &mut line), 0);
        // No more is written than the text and its terminating zero.
        assert_eq!(line[..11], *b"<denied>\0\x07\x07");
        assert_eq!(version(&tools, XENVER_commandline, &mut line), 0);
        assert_eq!(line[..12], *b"console=sim\0");
        // A buffer of no bytes is an error of its own in old releases.
        let empty = if release == Release::V4_20 { -105 } else { -22 };
        assert_eq!(version(&tools, XENVER_build_id, &mut [0_u32; 8]), empty);
    }
}

#[test]
fn features_depend_on_release_and_guest() {
    let features = |release, kind| {
        let (a, tools) = domains(release, kind);
        let (mut own, mut control) = (xen_feature_info::ZERO, xen_feature_info::ZERO);
        assert_eq!(version(&a, XENVER_get_features, &mut own), 0);
        assert_eq!(version(&tools, XENVER_get_features, &mut control), 0);
        // Those of 64-bit PV kernels that no toolstack has started.
        let pae = kind == GuestKind::Pv && release < Release::V4_20;
        let dom0 = 1 << XENFEAT_dom0 | u32::from(pae) << XENFEAT_pae_pgdir_above_4gb;
        let mask = dom0 | 1 << XENFEAT_pae_pgdir_above_4gb;
        assert_eq!((own.submap & mask, control.submap & mask), (0, dom0));
        own.submap
    };
    assert_eq!(features(Release::V4_14, GuestKind::Pv), 0x20e0);
    assert_eq!(features(Release::V4_14, GuestKind::Pvh), 0x2305);
    assert_eq!(features(Release::V4_14, GuestKind::Arm), 0x6005);
    let [direct, indirect] = [XENFEAT_direct_mapped, XENFEAT_not_direct_mapped].map(|at| 1 << at);
    assert_eq!(features(Release::V4_17, GuestKind::Pv), 0x20e0 | direct);
    assert_eq!(features(Release::V4_17, GuestKind::Pvh), 0x2305 | indirect);
    assert_eq!(features(Release::V4_17, GuestKind::Arm), 0x6005 | indirect);
    let runstate = 1 << XENFEAT_runstate_phys_area;
    let x86 = runstate | 1 << XENFEAT_vcpu_time_phys_area | 1 << XENFEAT_dm_msix_all_writes;
    assert_eq!(features(Release::V4_20, GuestKind::Pv), 0x20e0 | direct | x86);
    assert_eq!(features(Release::V4_20, GuestKind::Pvh), 0x2305 | indirect | x86);
    assert_eq!(features(Release::V4_20, GuestKind::Arm), 0x6005 | indirect | runstate);
}

/// Where Xen begins is for PV guests to know, and for all of x86-64 before 4.18.
#[test]
fn platform_parameters_are_a_pv_guests() {
    for (release, kind, told) in [
        (Release::V4_17, GuestKind::Pvh, cfg!(not(target_arch = "x86"))),
        (Release::V4_17, GuestKind::Pv, true),
        (Release::V4_20, GuestKind::Pvh, false),
        (Release::V4_20, GuestKind::Pv, true),
    ] {
        let (a, _) = domains(release, kind);
        let mut op = xen_platform_parameters { virt_start: 1 };
        assert_eq!(version(&a, XENVER_platform_parameters, &mut op), 0);
        assert_eq!(op.virt_start != 0, told, "{release:?} {kind:?}");
    }
}

#[test]
fn a_dying_domain_claims_nothing_since_4_20() {
    if COMPAT {
        return;
    }
    for (release, expected) in RELEASES.into_iter().zip([0, 0, -22]) {
        let (a, tools) = domains(release, GuestKind::Pvh);
        let claim = |nr_extents| {
            let domid = domid(&a);
            let mut op =
                xen_memory_reservation { domid, nr_extents, ..xen_memory_reservation::ZERO };
            memory_op(&tools, XENMEM_claim_pages, &mut op)
        };
        // One claim at a time, above what the domain has.
        assert_eq!((claim(8), claim(12), claim(13), claim(0), claim(13)), (-22, 0, -22, 0, 0));
        assert_eq!(claim(0), 0);
        a.set_dying();
        assert_eq!(claim(12), expected);
    }
}

#[test]
fn translated_domains_acquire_no_resource_with_4_14() {
    let size = |release, config: DomainConfig| {
        let domain = Xen::builder().release(release).build().domain(config).unwrap();
        let mut op =
            xen_mem_acquire_resource { domid: domid_t(77), ..xen_mem_acquire_resource::ZERO };
        memory_op(&domain, XENMEM_acquire_resource, &mut op)
    };
    let arm = DomainConfig::new(GuestKind::Arm);
    assert_eq!(size(Release::V4_14, arm.clone()), -13);
    assert_eq!(size(Release::V4_14, arm.clone().privileged()), 0);
    assert_eq!(size(Release::V4_17, arm), -3);
    assert_eq!(size(Release::V4_14, DomainConfig::new(GuestKind::Pv)), 0);
}

#[test]
fn altp2m_is_the_toolstacks_to_set() {
    for release in RELEASES {
        let (a, tools) = domains(release, GuestKind::Pvh);
        let set = |domain, index, value| {
            let domid = domid(&a);
            let mut op = xen_hvm_param { domid, index, value, ..xen_hvm_param::ZERO };
            other_op(domain, __HYPERVISOR_hvm_op, HVMOP_set_param, &mut op)
        };
        if release == Release::V4_20 {
            assert_eq!(set(&a, HVM_PARAM_ALTP2M, 1), -17, "read-only");
            assert_eq!(set(&tools, HVM_PARAM_ALTP2M, 1), -17);
        } else {
            assert_eq!(set(&a, HVM_PARAM_ALTP2M, 1), -1);
            assert_eq!(set(&tools, HVM_PARAM_ALTP2M, 4), -22, "no such mode");
            assert_eq!((set(&tools, HVM_PARAM_ALTP2M, 1), set(&a, HVM_PARAM_ALTP2M, 1)), (0, -1));
            // It is set once.
            assert_eq!(set(&tools, HVM_PARAM_ALTP2M, 2), -17);
            assert_eq!(set(&tools, HVM_PARAM_ALTP2M, 1), 0);
        }
        let nested = if release == Release::V4_14 { -1 } else { -22 };
        assert_eq!(set(&a, HVM_PARAM_NESTEDHVM, 1), nested);
        assert_eq!(set(&tools, HVM_PARAM_BUFIOREQ_EVTCHN, 1), -22);
    }
}

#[test]
fn vcpus_go_down_and_get_interrupts_on_x86() {
    for release in RELEASES {
        let (a, tools) = domains(release, GuestKind::Pvh);
        let vcpu = |domain, command: u32, at| {
            call(domain, __HYPERVISOR_vcpu_op, [command as usize, 0, at, 0, 0])
        };
        let mut physid = vcpu_get_physid { phys_id: 7 };
        let at = std::ptr::from_mut(&mut physid).expose_provenance();
        // The hardware domain's vCPU is on the one processor.
        assert_eq!(
            (vcpu(&a, VCPUOP_get_physid, at), vcpu(&tools, VCPUOP_get_physid, at)),
            (-22, 0)
        );
        assert_eq!(physid.phys_id, 0);
        assert_eq!(
            (vcpu(&a, VCPUOP_get_physid, 0), vcpu(&tools, VCPUOP_get_physid, 0)),
            (-22, -14)
        );
        assert_eq!((vcpu(&a, VCPUOP_send_nmi, 0), vcpu(&a, VCPUOP_send_nmi, at)), (0, -22));
        // The last vCPU takes the domain with it.
        assert_eq!(
            (vcpu(&a, VCPUOP_down, 0), a.shutdown_reason()),
            (0, Some(SHUTDOWN_poweroff as u8))
        );
        let (arm, _) = domains(release, GuestKind::Arm);
        for command in [VCPUOP_down, VCPUOP_send_nmi, VCPUOP_get_physid] {
            assert_eq!(vcpu(&arm, command, 0), -22);
        }
    }
}

/// Four pages move up by one, with four empty places after them.
#[test]
fn an_overlapping_range_loses_pages_before_4_20() {
    for release in RELEASES {
        let (a, _) = domains(release, GuestKind::Pvh);
        let first = 0x100;
        let frame = |at| machine_frame(&a, first + at);
        let frames: Vec<_> = (0..5).map(frame).collect();
        let mut op = xen_add_to_physmap {
            domid: DOMID_SELF,
            size: 4,
            space: XENMAPSPACE_gmfn_range,
            idx: ulong(first),
            gpfn: pfn(first + 1),
        };
        assert_eq!(memory_op(&a, XENMEM_add_to_physmap, &mut op), 0);
        if release == Release::V4_20 {
            let expected = [None, frames[0], frames[1], frames[2], frames[3]];
            assert_eq!([0, 1, 2, 3, 4].map(frame), expected);
            assert_eq!(a.pages(), 7, "the page at the end of the range is freed");
        } else {
            // The first page moves on and on, and frees each page that it comes to.
            assert_eq!([0, 1, 2, 3, 4].map(frame), [None, None, None, None, frames[0]]);
            assert_eq!(a.pages(), 4);
        }
    }
}
