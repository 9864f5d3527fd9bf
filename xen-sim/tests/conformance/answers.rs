//! Tables of hypercalls and what Xen answers, by release, kind of guest and privilege.

use xen_abi::GuestHandle;
use xen_abi::event_channel::*;
use xen_abi::hvm::hvm_op::*;
use xen_abi::hvm::params::*;
use xen_abi::memory::*;
use xen_abi::sched::*;
use xen_abi::vcpu::*;
use xen_abi::xen::*;
use xen_ops::page::Page as _;
use xen_sim::GuestKind::{Arm, Pv, Pvh};
use xen_sim::Release::{V4_14, V4_17, V4_20, V4_21, V4_22};
use xen_sim::{Domain, DomainConfig, GuestKind, Release, Xen};

use crate::support::*;

const RELEASES: [Release; 5] = [V4_14, V4_17, V4_20, V4_21, V4_22];

/// Where nothing can be read, in any kind of guest.
const NOWHERE: usize = 0;

/// An unprivileged domain of that kind and a control domain.
fn domains(release: Release, kind: GuestKind) -> (Domain, Domain) {
    let xen = Xen::builder().release(release).build();
    let a = xen.domain(DomainConfig::new(kind).pages(8)).unwrap();
    let tools = xen.domain(DomainConfig::new(kind).pages(8).privileged()).unwrap();
    (a, tools)
}

fn at<T>(value: &mut T) -> usize {
    std::ptr::from_mut(value).expose_provenance()
}

fn sched<T>(domain: &Domain, command: u32, op: &mut T) -> isize {
    call(domain, __HYPERVISOR_sched_op, [command as usize, at(op), 0, 0, 0])
}

fn vcpu<T>(domain: &Domain, command: u32, op: &mut T) -> isize {
    call(domain, __HYPERVISOR_vcpu_op, [command as usize, 0, at(op), 0, 0])
}

fn events<T: xen_abi::Plain>(domain: &Domain, command: u32, op: &mut T) -> isize {
    other_op(domain, __HYPERVISOR_event_channel_op, command, op)
}

#[test]
fn a_vcpu_is_pinned_once() {
    for release in RELEASES {
        let (a, tools) = domains(release, Pvh);
        let pin =
            |domain, pcpu| sched(domain, SCHEDOP_pin_override, &mut sched_pin_override { pcpu });
        assert_eq!(pin(&a, 0), -1);
        let answers: Vec<_> =
            [-1, 0, 0, 1, -7, -1, 0].into_iter().map(|pcpu| pin(&tools, pcpu)).collect();
        assert_eq!(answers, [-22, 0, -16, -22, 0, -22, 0]);
    }
}

/// The ports of a poll are looked at in their order, up to the first with an event.
#[test]
fn a_poll_looks_at_ports_in_their_order() {
    for (release, closed) in [(V4_14, 0), (V4_17, -22), (V4_20, -22)] {
        let (a, _) = domains(release, Pvh);
        let mut ipi = evtchn_bind_ipi::ZERO;
        assert_eq!(events(&a, EVTCHNOP_bind_ipi, &mut ipi), 0);
        let mut send = evtchn_send { port: ipi.port };
        let poll = |ports: &mut [evtchn_port_t]| {
            let mut op = sched_poll {
                nr_ports: ports.len() as u32,
                ports: GuestHandle::from_mut_slice(ports),
                timeout: 1,
                ..sched_poll::ZERO
            };
            sched(&a, SCHEDOP_poll, &mut op)
        };
        let (closed_port, none) = (evtchn_port_t(5), evtchn_port_t(5000));
        assert_eq!(poll(&mut [closed_port]), closed, "{release:?}");
        assert_eq!(poll(&mut [ipi.port, none]), -22);
        assert_eq!(events(&a, EVTCHNOP_send, &mut send), 0);
        assert_eq!(poll(&mut [ipi.port, none]), 0, "a pending port comes first");
        assert_eq!(poll(&mut [none, ipi.port]), -22);
    }
    // A PV guest shares its address space with Xen, which is looked at for no ports too.
    #[cfg(target_pointer_width = "64")]
    {
        let (pv, _) = domains(V4_20, Pv);
        let ports = GuestHandle::from_addr(0xffff_8300_0000_0000);
        assert_eq!(sched(&pv, SCHEDOP_poll, &mut sched_poll { ports, ..sched_poll::ZERO }), -14);
    }
}

#[test]
fn a_domain_resets_its_own_ports_only() {
    const RESET_CONT: u32 = 14;
    let (a, tools) = domains(V4_20, Pvh);
    for (domain, dom, command, expected) in [
        (&a, domid(&tools), EVTCHNOP_reset, -1),
        (&tools, domid(&a), EVTCHNOP_reset, -22),
        (&tools, domid_t(77), EVTCHNOP_reset, -3),
        (&a, DOMID_SELF, EVTCHNOP_reset, 0),
        (&a, DOMID_SELF, RESET_CONT, -16),
        (&a, domid_t(77), RESET_CONT, -3),
        (&a, domid(&tools), RESET_CONT, -1),
    ] {
        assert_eq!(
            events(domain, command, &mut evtchn_reset { dom }),
            expected,
            "{command} {dom:?}"
        );
    }
}

#[test]
fn interrupts_belong_to_who_handles_them() {
    for (release, kind, privileged, pirq, expected) in [
        (V4_14, Pv, false, 1, -1),
        (V4_20, Pv, false, 1, -1),
        (V4_20, Pv, false, u32::MAX, -22),
        (V4_20, Pv, false, 55, -1),
        (V4_20, Pv, false, 56, -22),
        (V4_20, Pv, true, 1, -22),
        (V4_20, Pv, true, 20, -1),
        (V4_20, Pvh, false, 1, 0),
        (V4_14, Pvh, false, 55, 0),
        (V4_20, Pvh, false, 56, -22),
        (V4_20, Pvh, true, 207, 0),
        (V4_20, Pvh, true, 208, -22),
        (V4_14, Arm, false, 1023, -12),
        (V4_17, Arm, true, 1, -12),
        (V4_17, Arm, true, 1024, -22),
        (V4_20, Arm, true, 1, -95),
    ] {
        let (a, tools) = domains(release, kind);
        let domain = if privileged { &tools } else { &a };
        let mut op = evtchn_bind_pirq { pirq, ..evtchn_bind_pirq::ZERO };
        assert_eq!(events(domain, EVTCHNOP_bind_pirq, &mut op), expected, "{release:?} {kind:?}");
        if expected == 0 {
            // The number has a port, which is not for sending; without the port it can be bound again.
            let (dom, port) = (DOMID_SELF, op.port);
            assert_eq!(events(domain, EVTCHNOP_bind_pirq, &mut op), -17);
            let mut status = evtchn_status { dom, port, ..evtchn_status::ZERO };
            assert_eq!(events(domain, EVTCHNOP_status, &mut status), 0);
            assert_eq!((status.status, *status.u.pirq()), (EVTCHNSTAT_pirq, pirq));
            assert_eq!(
                events(domain, EVTCHNOP_bind_vcpu, &mut evtchn_bind_vcpu { port, vcpu: 0 }),
                0
            );
            assert_eq!(events(domain, EVTCHNOP_send, &mut evtchn_send { port }), -22);
            assert_eq!(events(domain, EVTCHNOP_close, &mut evtchn_close { port }), 0);
            assert_eq!(events(domain, EVTCHNOP_bind_pirq, &mut op), 0);
            assert_eq!(op.port, port);
        }
        let bind = [EVTCHNOP_bind_pirq as usize, NOWHERE, 0, 0, 0];
        assert_eq!(call(domain, __HYPERVISOR_event_channel_op, bind), -14);
    }
    // Those of the machine are kept to the control domain since 4.21.
    for release in RELEASES {
        let (a, tools) = domains(release, Pvh);
        let bind = |domain, virq| {
            let mut op = evtchn_bind_virq { virq, ..evtchn_bind_virq::ZERO };
            events(domain, EVTCHNOP_bind_virq, &mut op)
        };
        let expected = if release >= V4_21 { -16 } else { 0 };
        assert_eq!((bind(&a, VIRQ_CONSOLE), bind(&tools, VIRQ_CONSOLE)), (expected, 0));
        assert_eq!((bind(&a, VIRQ_TIMER), bind(&a, VIRQ_ARGO)), (0, 0));
    }
}

#[test]
fn xens_console_is_refused_before_the_command_is_looked_at() {
    let (a, tools) = domains(V4_20, Pvh);
    let console = |domain, command, count| {
        call(domain, __HYPERVISOR_console_io, [command as usize, count, NOWHERE, 0, 0])
    };
    assert_eq!((console(&a, 9, 0), console(&tools, 9, 0)), (-1, -38));
    assert_eq!(console(&tools, CONSOLEIO_read, 0x8000_0000), -7);
    assert_eq!(console(&tools, CONSOLEIO_read, 0x7fff_ffff), 0);
}

#[test]
fn xen_lets_domains_that_it_starts_use_its_console() {
    let xen = Xen::new();
    let by_toolstack = guest(&xen, DomainConfig::new(Arm));
    let by_xen = guest(&xen, DomainConfig::new(Arm).dom0less());
    let answers = [(&by_toolstack, [-1, -1], 0x0200_0000_0000_021f), (&by_xen, [-38, 0], 0)];
    for (domain, expected, interrupt) in answers {
        let console = |command: u32| {
            call(domain, __HYPERVISOR_console_io, [command as usize, 0, NOWHERE, 0, 0])
        };
        assert_eq!([9, CONSOLEIO_write].map(console), expected);
        let (domid, index) = (DOMID_SELF, HVM_PARAM_CALLBACK_IRQ);
        let mut param = xen_hvm_param { domid, index, ..xen_hvm_param::ZERO };
        assert_eq!(other_op(domain, __HYPERVISOR_hvm_op, HVMOP_get_param, &mut param), 0);
        assert_eq!(param.value, interrupt);
    }
}

#[test]
fn timers_have_limits() {
    for release in RELEASES {
        let (a, _) = domains(release, Pvh);
        let periodic = |period_ns| {
            vcpu(&a, VCPUOP_set_periodic_timer, &mut vcpu_set_periodic_timer { period_ns })
        };
        let longest = u64::MAX >> 2;
        let answers = [999_999, 1_000_000, longest, longest + 1].map(periodic);
        assert_eq!(answers, [-22, 0, 0, -22]);
        let singleshot = |timeout_abs_ns, flags| {
            let mut op = vcpu_set_singleshot_timer::ZERO;
            (op.timeout_abs_ns, op.flags) = (timeout_abs_ns, flags);
            vcpu(&a, VCPUOP_set_singleshot_timer, &mut op)
        };
        let past = if release == V4_14 { -62 } else { 0 };
        assert_eq!(singleshot(1, VCPU_SSHOTTMR_future), past, "{release:?}");
        assert_eq!(
            (singleshot(1, SingleshotFlags::empty()), singleshot(1 << 62, VCPU_SSHOTTMR_future)),
            (0, 0)
        );
    }
}

/// Frame, offset and the answers of 4.14, of 4.17 and of later releases.
#[test]
fn a_place_for_vcpu_info_is_checked() {
    for (at, release) in [V4_14, V4_17, V4_20, V4_22].into_iter().enumerate() {
        let at = at.min(2);
        let (a, _) = domains(release, Pvh);
        let page = a.page().unwrap();
        let frame = pfn_to_u64(page.frame());
        let register = |mfn, offset| {
            let zero = vcpu_register_vcpu_info::ZERO;
            vcpu(
                &a,
                VCPUOP_register_vcpu_info,
                &mut vcpu_register_vcpu_info { mfn, offset, ..zero },
            )
        };
        for (mfn, offset, expected) in [
            (frame, 4040, [-22, -6, -6]),
            (frame, 4, [-22, -6, -6]),
            (frame, 4096, [-22, -6, -22]),
            (1 << 60, 0, [-22, -22, -22]),
            (0xdead, 0, [-22, -22, -22]),
            (frame, 0, [0, 0, 0]),
            (frame, 64, [-22, -22, -16]),
            // Which check is first decides.
            (frame, 4, [-22, -6, -16]),
        ] {
            assert_eq!(register(mfn, offset), expected[at], "{release:?} {mfn:#x} {offset}");
        }
        let mut area = vcpu_register_time_memory_area {
            addr: vcpu_register_time_memory_area_addr::from_p((frame << 12) + 4),
        };
        let expected = if release >= V4_20 { -6 } else { -38 };
        assert_eq!(vcpu(&a, VCPUOP_register_vcpu_time_phys_area, &mut area), expected);
        let initialise = [VCPUOP_initialise as usize, 0, NOWHERE, 0, 0];
        assert_eq!(call(&a, __HYPERVISOR_vcpu_op, initialise), -14);
        // Xen does not look whether it could write the runstate.
        let mut runstate = vcpu_register_runstate_memory_area {
            addr: vcpu_register_runstate_memory_area_addr::ZERO,
        };
        assert_eq!(vcpu(&a, VCPUOP_register_runstate_memory_area, &mut runstate), 0);
    }
}

/// Parameters that the control domain sets for another: the value, and the answer.
#[test]
fn values_of_parameters_are_checked() {
    for (index, value, expected) in [
        (HVM_PARAM_VIRIDIAN, 0, -22),
        (HVM_PARAM_VIRIDIAN, 2, -22),
        (HVM_PARAM_VIRIDIAN, 1 << 20 | 1, -22),
        (HVM_PARAM_VIRIDIAN, 1, 0),
        (HVM_PARAM_VIRIDIAN, 3, -17),
        (HVM_PARAM_MCA_CAP, 2, -22),
        (HVM_PARAM_MCA_CAP, 1, -22),
        (HVM_PARAM_MCA_CAP, 0, 0),
        (HVM_PARAM_NR_IOREQ_SERVER_PAGES, 0, -22),
        (HVM_PARAM_NR_IOREQ_SERVER_PAGES, 65, -22),
        (HVM_PARAM_NR_IOREQ_SERVER_PAGES, 64, 0),
        (HVM_PARAM_TRIPLE_FAULT_REASON, u64::from(SHUTDOWN_MAX) + 1, -22),
        (HVM_PARAM_ACPI_S_STATE, 1, -22),
        (HVM_PARAM_ACPI_IOPORTS_LOCATION, 1, -19),
        (HVM_PARAM_X87_FIP_WIDTH, 5, -22),
        (HVM_PARAM_VM86_TSS, 1 << 32, -22),
        (HVM_PARAM_VM86_TSS_SIZED, 103 << 32, -22),
        (HVM_PARAM_DM_DOMAIN, 1, -22),
    ] {
        for release in [V4_14, V4_20] {
            let (a, tools) = domains(release, Pvh);
            if expected == -17 {
                assert_eq!(param(&tools, HVMOP_set_param, domid(&a), index, 1).0, 0);
            }
            let answer = param(&tools, HVMOP_set_param, domid(&a), index, value).0;
            assert_eq!(answer, expected, "{index} {value:#x}");
            assert_eq!(a.crash_reason(), None);
        }
    }
    // A VM86 TSS by its old name has a size, and one that is too large is cut.
    let (a, _) = domains(V4_20, Pvh);
    let own = |command, index, value| param(&a, command, DOMID_SELF, index, value);
    assert_eq!(own(HVMOP_set_param, HVM_PARAM_VM86_TSS, 0x1000).0, 0);
    assert_eq!(own(HVMOP_get_param, HVM_PARAM_VM86_TSS_SIZED, 0), (0, 128 << 32 | 0x1000));
    assert_eq!(own(HVMOP_set_param, HVM_PARAM_VM86_TSS_SIZED, 0xffff << 32 | 0x2000).0, 0);
    assert_eq!(own(HVMOP_get_param, HVM_PARAM_VM86_TSS_SIZED, 0), (0, 0x2089 << 32 | 0x2000));
    assert_eq!(own(HVMOP_get_param, HVM_PARAM_VM86_TSS, 0), (0, 0x2000));
    assert_eq!(own(HVMOP_set_param, HVM_PARAM_VM86_TSS, 1 << 32).0, -22);
    assert!(a.crash_reason().is_some(), "Xen crashes a domain that does so for itself");
    // Arm is told of its interrupt, and looks at the domain before the number.
    let (arm, _) = domains(V4_20, Arm);
    let told = param(&arm, HVMOP_get_param, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, 0);
    assert_eq!(told, (0, 2 << 56 | 2 << 8 | 31));
    assert_eq!(param(&arm, HVMOP_get_param, domid_t(77), HVM_NR_PARAMS, 0).0, -3);
    assert_eq!(param(&a, HVMOP_get_param, domid_t(77), HVM_NR_PARAMS, 0).0, -22);
}

fn param(domain: &Domain, command: u32, domid: domid_t, index: u32, value: u64) -> (isize, u64) {
    let mut op = xen_hvm_param { domid, index, value, ..xen_hvm_param::ZERO };
    (other_op(domain, __HYPERVISOR_hvm_op, command, &mut op), op.value)
}

#[test]
fn other_hvm_operations_check_their_arguments() {
    let (a, tools) = domains(V4_20, Pvh);
    let dying = |domid| {
        let mut op = xen_hvm_pagetable_dying { domid, ..xen_hvm_pagetable_dying::ZERO };
        other_op(&tools, __HYPERVISOR_hvm_op, HVMOP_pagetable_dying, &mut op)
    };
    assert_eq!([domid_t(77), domid(&a), DOMID_SELF].map(dying), [-3, -95, -22]);
    for (release, extra_bytes, event, expected) in [
        (V4_17, 3, 0, 0),
        (V4_20, 3, 0, -22),
        (V4_20, 4, 0xfff, 0),
        (V4_14, 4, 0x1000, -22),
        (V4_20, 32, 0, -22),
    ] {
        let (a, _) = domains(release, Pvh);
        let mut op = xen_hvm_xentrace { extra_bytes, event, ..xen_hvm_xentrace::ZERO };
        let answer = other_op(&a, __HYPERVISOR_hvm_op, HVMOP_xentrace, &mut op);
        assert_eq!(answer, expected, "{release:?} {extra_bytes} {event:#x}");
    }
    #[cfg(target_pointer_width = "64")]
    {
        let beyond = HVMOP_get_param as usize | 1 << 32;
        assert_eq!(call(&a, __HYPERVISOR_hvm_op, [beyond, NOWHERE, 0, 0, 0]), -38);
    }
}

/// Memory of a node: which is refused, which is not found, and which is taken from elsewhere.
#[test]
fn memory_is_asked_for_by_node() {
    let node = |number: u32| MemoryFlags((number + 1) << 8);
    let exact = XENMEMF_exact_node_request;
    for (kind, flags, expected) in [
        (Pvh, node(0), 1),
        (Pvh, node(63), 1),
        (Pvh, node(64), 0),
        (Pvh, node(0) | exact, 1),
        (Pvh, node(2) | exact, 0),
        (Arm, node(0), 1),
        (Arm, node(1), 0),
    ] {
        let (_, tools) = domains(V4_20, kind);
        let page = tools.page().unwrap();
        let mut list = [page.frame()];
        assert_eq!(
            reserve(&tools, XENMEM_decrease_reservation, &mut list, MemoryFlags::empty()),
            1
        );
        let done = reserve(&tools, XENMEM_populate_physmap, &mut list, flags);
        assert_eq!(done, expected, "{kind:?} {flags:?}");
    }
}

fn reserve(domain: &Domain, command: u32, list: &mut [xen_pfn_t], mem_flags: MemoryFlags) -> isize {
    let mut op = xen_memory_reservation {
        nr_extents: list.len() as xen_ulong_t,
        extent_start: GuestHandle::from_mut_slice(list),
        mem_flags,
        domid: DOMID_SELF,
        ..xen_memory_reservation::ZERO
    };
    memory_op(domain, command, &mut op)
}

/// An exchange begins with the chunk that its progress is in; few address bits find no memory.
#[test]
fn an_exchange_says_how_far_it_came() {
    let (a, _) = domains(V4_20, Pv);
    let page = a.page().unwrap();
    let mut bad = [xen_pfn_t(0xdead_0000); 2];
    let mut out = [xen_pfn_t(0)];
    let zero = xen_memory_reservation { domid: DOMID_SELF, ..xen_memory_reservation::ZERO };
    let in_ = |list: &mut [xen_pfn_t]| xen_memory_reservation {
        nr_extents: list.len() as xen_ulong_t,
        extent_start: GuestHandle::from_mut_slice(list),
        ..zero
    };
    let to = xen_memory_reservation { extent_order: 1, ..in_(&mut out) };
    let mut op = xen_memory_exchange { in_: in_(&mut bad), out: to, nr_exchanged: 1 };
    // Where Xen translates the argument it refuses a progress in the middle of a chunk.
    let progress = if COMPAT { 1 } else { 0 };
    assert_eq!((memory_op(&a, XENMEM_exchange, &mut op), op.nr_exchanged), (-22, progress));
    let mut own = [page.frame()];
    let few = xen_memory_reservation { mem_flags: MemoryFlags(5), ..in_(&mut out) };
    let mut op = xen_memory_exchange { in_: in_(&mut own), out: few, nr_exchanged: 0 };
    assert_eq!((memory_op(&a, XENMEM_exchange, &mut op), op.nr_exchanged), (-12, 0));
}

/// 4.17 takes an error number for a size; 4.14 looks the frame up before its number.
#[test]
fn releases_have_mistakes_of_their_own() {
    for (release, expected) in [(V4_14, (0, 32)), (V4_17, (0, 0xffff_ffa1)), (V4_20, (-22, 0))] {
        let (a, tools) = domains(release, Pv);
        let mut op = xen_mem_acquire_resource {
            domid: domid(&a),
            type_: 7,
            ..xen_mem_acquire_resource::ZERO
        };
        let answer = memory_op(&tools, XENMEM_acquire_resource, &mut op);
        assert_eq!((answer, op.nr_frames), expected, "{release:?}");
    }
    let (a, _) = domains(V4_14, Pvh);
    for (space, idx, expected) in [
        (XENMAPSPACE_grant_table, 5000, -22),
        (XENMAPSPACE_grant_table, 0, if COMPAT { 0 } else { -2 }),
        (XENMAPSPACE_shared_info, 0, if COMPAT { 0 } else { -2 }),
        (99, 0, -22),
    ] {
        assert_eq!(add_to_physmap(&a, space, idx, u64::MAX), expected, "{space} {idx}");
    }
    // Operations without an argument take no progress either.
    let sharing = XENMEM_get_sharing_freed_pages as usize;
    assert_eq!(call(&a, __HYPERVISOR_memory_op, [sharing, 0, 0, 0, 0]), 0);
    assert_eq!(call(&a, __HYPERVISOR_memory_op, [sharing | 1 << 6, 0, 0, 0, 0]), -38);
}

/// 4.21 leaves the operation out on x86.
#[test]
fn caches_are_flushed_where_memory_is_not_coherent() {
    use xen_abi::grant_table::*;
    for (release, kind, expected) in
        [(V4_20, Pv, 0), (V4_21, Pv, -38), (V4_22, Arm, 0), (V4_20, Pvh, -38)]
    {
        let (a, _) = domains(release, kind);
        let mut op = [gnttab_cache_flush::ZERO];
        assert_eq!(grant_op(&a, GNTTABOP_cache_flush, &mut op), expected, "{release:?} {kind:?}");
    }
}

/// Xen goes on with a list of accesses where it was interrupted, which the command says; x86's other lists have no such
/// place.
#[test]
fn a_list_of_accesses_may_start_anywhere() {
    for (kind, accesses) in [(Pv, -3), (Pvh, -3), (Arm, -38)] {
        let (a, _) = domains(V4_20, kind);
        let start = 1 << 6;
        let mut op = xen_mem_access_op { domid: domid_t(77), ..xen_mem_access_op::ZERO };
        assert_eq!(memory_op(&a, XENMEM_access_op | start, &mut op), accesses, "{kind:?}");
        assert_eq!(memory_op(&a, XENMEM_set_memory_map | start, &mut op), -38, "{kind:?}");
    }
}
