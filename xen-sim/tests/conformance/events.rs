//! `event_channel_op`, `sched_op` and the smaller hypercalls.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use xen_abi::GuestHandle;
use xen_abi::event_channel::*;
use xen_abi::hvm::hvm_op::*;
use xen_abi::hvm::params::HVM_PARAM_STORE_PFN;
use xen_abi::physdev::*;
use xen_abi::sched::*;
use xen_abi::vcpu::*;
use xen_abi::version::*;
use xen_abi::xen::*;
use xen_ops::field;
use xen_ops::page::Page as _;
use xen_ops::view::Field;
use xen_sim::{Domain, DomainConfig, GuestKind, Release, Xen, Xsm};

use crate::support::*;

fn event<T: xen_abi::Plain>(domain: &Domain, command: u32, op: &mut T) -> isize {
    other_op(domain, __HYPERVISOR_event_channel_op, command, op)
}

fn unbound(domain: &Domain, remote_dom: domid_t) -> (isize, evtchn_port_t) {
    let mut op = evtchn_alloc_unbound { dom: DOMID_SELF, remote_dom, port: evtchn_port_t(0) };
    (event(domain, EVTCHNOP_alloc_unbound, &mut op), op.port)
}

fn bind(domain: &Domain, remote_dom: domid_t, port: evtchn_port_t) -> (isize, evtchn_port_t) {
    let mut op =
        evtchn_bind_interdomain { remote_dom, remote_port: port, ..evtchn_bind_interdomain::ZERO };
    (event(domain, EVTCHNOP_bind_interdomain, &mut op), op.local_port)
}

fn send(domain: &Domain, port: evtchn_port_t) -> isize {
    event(domain, EVTCHNOP_send, &mut evtchn_send { port })
}

fn state_of(domain: &Domain, port: evtchn_port_t) -> u32 {
    let mut op = evtchn_status { dom: DOMID_SELF, port, ..evtchn_status::ZERO };
    assert_eq!(event(domain, EVTCHNOP_status, &mut op), 0);
    op.status
}

const SOON: Duration = Duration::from_secs(20);
const NOW: Duration = Duration::ZERO;

#[test]
fn events_wake_the_other_domain() {
    let (_, a, b) = pair(GuestKind::Pvh);
    let (_, there) = unbound(&a, domid(&b));
    assert_eq!(state_of(&a, there), EVTCHNSTAT_unbound);
    let (done, here) = bind(&b, domid(&a), there);
    assert_eq!((done, state_of(&a, there)), (0, EVTCHNSTAT_interdomain));
    // Binding gives an event, in case one was sent before.
    assert!(b.wait(here, NOW));
    assert!(!b.wait(here, NOW));
    let waiter = std::thread::spawn({
        let a = a.clone();
        move || a.wait(there, SOON)
    });
    assert_eq!(send(&b, here), 0);
    assert!(waiter.join().unwrap());
    assert_eq!(event(&b, EVTCHNOP_close, &mut evtchn_close { port: here }), 0);
    assert_eq!((state_of(&a, there), state_of(&b, here)), (EVTCHNSTAT_unbound, EVTCHNSTAT_closed));
    assert_eq!(send(&b, here), -22);
    assert_eq!(send(&a, there), 0, "no domain is notified");
    // Who had the other end may have it again.
    assert_eq!(bind(&b, domid(&a), there).0, 0);
    b.destroy();
    assert_eq!(state_of(&a, there), EVTCHNSTAT_unbound);
}

#[test]
fn ports_have_errors() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let c = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(4));
    let (_, there) = unbound(&a, domid(&b));
    assert_eq!(bind(&c, domid(&a), there).0, -22, "kept for another");
    assert_eq!(bind(&b, domid(&a), evtchn_port_t(9)).0, -22);
    assert_eq!(bind(&b, domid_t(77), there).0, -3);
    assert_eq!(send(&a, evtchn_port_t(9)), -22);
    assert_eq!(event(&a, EVTCHNOP_close, &mut evtchn_close { port: evtchn_port_t(9) }), -22);
    let mut op =
        evtchn_alloc_unbound { dom: domid(&b), remote_dom: domid(&a), port: evtchn_port_t(0) };
    assert_eq!(event(&a, EVTCHNOP_alloc_unbound, &mut op), -1);
    op.dom = domid_t(77);
    assert_eq!(event(&a, EVTCHNOP_alloc_unbound, &mut op), -3);
    let mut op = evtchn_status { dom: domid(&b), ..evtchn_status::ZERO };
    assert_eq!(event(&a, EVTCHNOP_status, &mut op), -1);
    op = evtchn_status { dom: DOMID_SELF, port: evtchn_port_t(4096), ..op };
    assert_eq!(event(&a, EVTCHNOP_status, &mut op), -22);
    assert_eq!(event(&a, EVTCHNOP_unmask, &mut evtchn_unmask { port: there }), 0);
    assert_eq!(event(&a, EVTCHNOP_unmask, &mut evtchn_unmask { port: evtchn_port_t(4096) }), -22);
    assert_eq!(event(&a, EVTCHNOP_reset, &mut evtchn_reset { dom: DOMID_SELF }), 0);
    assert_eq!(state_of(&a, there), EVTCHNSTAT_closed);
    let mut priority = evtchn_set_priority::ZERO;
    assert_eq!(event(&a, EVTCHNOP_set_priority, &mut priority), -38);
    for _ in 1..xen_ops::events::TWO_LEVEL_PORTS {
        assert_eq!(unbound(&a, domid(&b)).0, 0);
    }
    assert_eq!(unbound(&a, domid(&b)).0, -28);

    let xen = Xen::builder().xsm(Xsm::Silo).build();
    let a = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(4));
    let b = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(4));
    assert_eq!(unbound(&a, domid(&b)).0, -1);
}

/// A page of event words, one for each port.
const WORDS: Field<[event_word_t; 1024]> = Field::at::<0>();
/// The first port of each queue.
const HEADS: Field<[u32; EVTCHN_FIFO_MAX_QUEUES as usize]> =
    field!(evtchn_fifo_control_block, head);

/// Words and control block are the guest's, which finds a port by them, and Xen holds their pages.
#[test]
fn events_go_through_queues() {
    for kind in [GuestKind::Pv, GuestKind::Pvh, GuestKind::Arm] {
        let (xen, a) = machine(kind);
        let b = guest(&xen, DomainConfig::new(kind).pages(4));
        let (control, words) = (a.page().unwrap(), a.page().unwrap());
        let (_, port) = unbound(&a, domid(&b));
        let (_, theirs) = bind(&b, domid(&a), port);
        let mut init = evtchn_init_control {
            control_gfn: pfn_to_u64(control.frame()),
            ..evtchn_init_control::ZERO
        };
        assert_eq!(event(&a, EVTCHNOP_init_control, &mut init), 0);
        let mut array = evtchn_expand_array { array_gfn: pfn_to_u64(words.frame()) };
        assert_eq!(event(&a, EVTCHNOP_expand_array, &mut array), 0);
        assert_eq!((a.references(control.frame()), a.references(words.frame())), (2, 2));
        let word = |shift| {
            let word = words.view().at(WORDS).element(port.0 as usize).unwrap();
            word.load(SeqCst) >> shift
        };

        let priority = |port, priority| {
            event(&a, EVTCHNOP_set_priority, &mut evtchn_set_priority { port, priority })
        };
        let closed = evtchn_port_t(port.0 + 1);
        assert_eq!([priority(port, 7), priority(port, 16)], [0, -22]);
        assert_eq!(
            [priority(closed, 7), priority(closed, 16)],
            [-13, -13],
            "it is looked at first"
        );

        assert!(!a.wait(port, NOW));
        assert_eq!(send(&b, theirs), 0);
        assert_eq!((word(EVTCHN_FIFO_PENDING), word(EVTCHN_FIFO_LINKED)), (1, 0b101));
        let heads = control.view().at(HEADS);
        let head = heads.element(EVTCHN_FIFO_PRIORITY_DEFAULT as usize).unwrap();
        assert_eq!(head.load(SeqCst), port.0);
        assert!(a.wait(port, SOON));
        assert_eq!(word(EVTCHN_FIFO_LINKED), 1, "taken, and in its queue still");
        xen.check_invariants().unwrap();

        let mut reset = evtchn_reset { dom: DOMID_SELF };
        assert_eq!(event(&a, EVTCHNOP_reset, &mut reset), 0);
        assert_eq!((a.references(control.frame()), a.references(words.frame())), (1, 1));
        assert_eq!(event(&a, EVTCHNOP_init_control, &mut init), 0, "and again");
        a.destroy();
        assert!(!a.exists());
        xen.check_invariants().unwrap();
    }
}

#[test]
fn virtual_interrupts_have_ports() {
    let (_, a) = machine(GuestKind::Pvh);
    let virq = |domain: &Domain, virq, vcpu| {
        let mut op = evtchn_bind_virq { virq, vcpu, port: evtchn_port_t(0) };
        (event(domain, EVTCHNOP_bind_virq, &mut op), op.port)
    };
    assert_eq!(virq(&a, NR_VIRQS, 0).0, -22);
    assert_eq!(virq(&a, VIRQ_CONSOLE, 1).0, -22);
    assert_eq!(virq(&a, VIRQ_TIMER, 1).0, -2);
    let (done, port) = virq(&a, VIRQ_TIMER, 0);
    assert_eq!((done, state_of(&a, port)), (0, EVTCHNSTAT_virq));
    assert_eq!(virq(&a, VIRQ_TIMER, 0).0, -17);
    assert!(a.raise_virq(VIRQ_TIMER));
    assert!(!a.raise_virq(VIRQ_DEBUG));
    assert!(a.wait(port, NOW));
    assert_eq!(send(&a, port), -22);
    let mut op = evtchn_bind_ipi { vcpu: 1, port: evtchn_port_t(0) };
    assert_eq!(event(&a, EVTCHNOP_bind_ipi, &mut op), -2);
    op.vcpu = 0;
    assert_eq!(event(&a, EVTCHNOP_bind_ipi, &mut op), 0);
    assert_eq!((send(&a, op.port), a.wait(op.port, NOW)), (0, true));
}

#[test]
fn a_guest_waits_by_hypercall() {
    let (_, a, b) = pair(GuestKind::Pvh);
    let (_, there) = unbound(&a, domid(&b));
    let (_, here) = bind(&b, domid(&a), there);
    let poll = |ports: &mut [evtchn_port_t], timeout| {
        let mut op = sched_poll {
            ports: GuestHandle::from_mut_slice(ports),
            nr_ports: ports.len() as u32,
            timeout,
            ..sched_poll::ZERO
        };
        other_op(&a, __HYPERVISOR_sched_op, SCHEDOP_poll, &mut op)
    };
    assert_eq!(poll(&mut [there], 1), 0, "that moment has passed");
    assert_eq!(poll(&mut [evtchn_port_t(4096)], 1), -22);
    assert_eq!(poll(&mut [there; 129], 1), -22);
    let sender = std::thread::spawn(move || send(&b, here));
    assert_eq!(poll(&mut [there], 0), 0);
    assert_eq!(call(&a, __HYPERVISOR_sched_op, [SCHEDOP_block as usize, 0, 0, 0, 0]), 0);
    assert_eq!(sender.join().unwrap(), 0);
    assert!(a.wait(there, NOW), "polling does not take it");
    assert_eq!(call(&a, __HYPERVISOR_sched_op, [SCHEDOP_yield as usize, 0, 0, 0, 0]), 0);
    assert_eq!(call(&a, __HYPERVISOR_sched_op, [99, 0, 0, 0, 0]), -38);
    assert_eq!(call(&a, __HYPERVISOR_sched_op, [SCHEDOP_poll as usize, 0, 0, 0, 0]), -14);
}

#[test]
fn a_guest_shuts_down() {
    let (xen, a) = machine(GuestKind::Pvh);
    let tools = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(4).privileged());
    let mut op = sched_shutdown { reason: SHUTDOWN_crash };
    assert_eq!(other_op(&a, __HYPERVISOR_sched_op, SCHEDOP_shutdown_code, &mut op), 0);
    op.reason = SHUTDOWN_poweroff;
    assert_eq!(other_op(&a, __HYPERVISOR_sched_op, SCHEDOP_shutdown, &mut op), 0);
    assert_eq!(a.shutdown_reason(), Some(SHUTDOWN_crash as u8), "the first counts");
    let remote = |domain: &Domain, domain_id| {
        let mut op = sched_remote_shutdown {
            domain_id,
            reason: SHUTDOWN_reboot,
            ..sched_remote_shutdown::ZERO
        };
        other_op(domain, __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &mut op)
    };
    assert_eq!(remote(&a, domid(&tools)), -1);
    assert_eq!(remote(&tools, domid_t(77)), -3);
    assert_eq!((remote(&tools, domid(&tools)), tools.shutdown_reason()), (0, Some(1)));
}

#[test]
fn the_smaller_hypercalls_answer() {
    let (xen, a) = machine(GuestKind::Pvh);
    let tools = guest(&xen, DomainConfig::new(GuestKind::Pv).pages(4).privileged());
    let xen_version = |command: u32, at: usize| {
        call(&a, __HYPERVISOR_xen_version, [command as usize, at, 0, 0, 0])
    };
    assert_eq!(xen_version(XENVER_version, 0), 4 << 16 | 20);
    assert_eq!((xen_version(XENVER_pagesize, 0), xen_version(XENVER_pagesize, 8)), (4096, -22));
    assert_eq!((xen_version(XENVER_extraversion, 0), xen_version(99, 0)), (-14, -38));
    let mut features = xen_feature_info::ZERO;
    let get = |domain, op: &mut xen_feature_info| {
        other_op(domain, __HYPERVISOR_xen_version, XENVER_get_features, op)
    };
    assert_eq!(get(&a, &mut features), 0);
    let translated = 1 << xen_abi::features::XENFEAT_auto_translated_physmap;
    assert_ne!(features.submap & translated, 0);
    assert_eq!((get(&tools, &mut features), features.submap & translated), (0, 0));
    let mut changeset: xen_changeset_info_t = [1; 64];
    let command = XENVER_changeset;
    assert_eq!(other_op(&a, __HYPERVISOR_xen_version, command, &mut changeset), 0);
    assert_eq!(changeset[..8], *b"xen-sim\0");

    let text = "hello";
    let at = text.as_ptr().expose_provenance();
    let write = [CONSOLEIO_write as usize, text.len(), at, 0, 0];
    assert_eq!(call(&a, __HYPERVISOR_console_io, write), -1);
    assert_eq!(call(&tools, __HYPERVISOR_console_io, write), 0);
    assert_eq!(tools.console(), text);

    let vcpu =
        |command: u32, vcpu, at| call(&a, __HYPERVISOR_vcpu_op, [command as usize, vcpu, at, 0, 0]);
    assert_eq!((vcpu(VCPUOP_is_up, 0, 0), vcpu(VCPUOP_is_up, 1, 0)), (1, -2));
    let mut state = vcpu_runstate_info { state: 7, ..vcpu_runstate_info::ZERO };
    let h = GuestHandle::from_mut(&mut state);
    let mut area = vcpu_register_runstate_memory_area {
        addr: vcpu_register_runstate_memory_area_addr::from_h(h),
    };
    let at = std::ptr::from_mut(&mut area).expose_provenance();
    assert_eq!(vcpu(VCPUOP_register_runstate_memory_area, 0, at), 0);
    assert_eq!(state.state, RUNSTATE_running as i32);
}

#[test]
fn parameters_and_interrupts_are_for_the_guests_that_have_them() {
    let (xen, a) = machine(GuestKind::Pvh);
    let tools = guest(&xen, DomainConfig::new(GuestKind::Pv).pages(4).privileged());
    let mut op = xen_hvm_param { domid: DOMID_SELF, index: 2, value: 42, ..xen_hvm_param::ZERO };
    let hvm = |domain, command, op: &mut _| other_op(domain, __HYPERVISOR_hvm_op, command, op);
    assert_eq!(hvm(&a, HVMOP_set_param, &mut op), 0);
    op = xen_hvm_param { domid: domid(&a), value: 0, ..op };
    assert_eq!((hvm(&tools, HVMOP_get_param, &mut op), op.value), (0, 42));
    op = xen_hvm_param { domid: DOMID_SELF, index: HVM_PARAM_STORE_PFN, ..op };
    assert_eq!(hvm(&a, HVMOP_set_param, &mut op), -1, "the toolstack's to set");
    op.index = 39;
    assert_eq!(hvm(&a, HVMOP_get_param, &mut op), -22);
    op = xen_hvm_param { domid: domid(&tools), index: 1, ..op };
    assert_eq!(hvm(&tools, HVMOP_get_param, &mut op), -22, "a PV guest has none");
    op.domid = domid_t(77);
    assert_eq!(hvm(&a, HVMOP_get_param, &mut op), -3);

    let physdev =
        |domain, command, op: &mut _| other_op(domain, __HYPERVISOR_physdev_op, command, op);
    let mut iopl = physdev_set_iopl { iopl: 1 };
    assert_eq!(physdev(&a, PHYSDEVOP_set_iopl, &mut iopl), -38);
    assert_eq!(physdev(&tools, PHYSDEVOP_set_iopl, &mut iopl), 0);
    iopl.iopl = 4;
    assert_eq!(physdev(&tools, PHYSDEVOP_set_iopl, &mut iopl), -22);
    let guest = guest(&xen, DomainConfig::new(GuestKind::Pv).pages(4));
    let mut pirq = physdev_map_pirq {
        domid: DOMID_SELF,
        type_: MAP_PIRQ_TYPE_GSI as i32,
        index: 9,
        pirq: -1,
        ..physdev_map_pirq::ZERO
    };
    let map =
        |domain, op: &mut _| other_op(domain, __HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, op);
    assert_eq!(map(&guest, &mut pirq), -1);
    assert_eq!((map(&tools, &mut pirq), pirq.pirq), (0, 9));
    let mut op = physdev_unmap_pirq { domid: DOMID_SELF, pirq: 9, ..physdev_unmap_pirq::ZERO };
    let unmap =
        |domain, op: &mut _| other_op(domain, __HYPERVISOR_physdev_op, PHYSDEVOP_unmap_pirq, op);
    assert_eq!((unmap(&tools, &mut op), unmap(&guest, &mut op)), (0, -1));
    op.pirq = -1;
    assert_eq!(unmap(&tools, &mut op), -22);
}

/// Translated guests of x86 have the operation since 4.20, and then the checks of a PV guest.
#[test]
fn interrupts_are_mapped_by_translated_guests_since_4_20() {
    for (release, kind, expected) in [
        (Release::V4_17, GuestKind::Pvh, [-38, -38, -38]),
        (Release::V4_20, GuestKind::Pvh, [-1, -3, 0]),
        (Release::V4_20, GuestKind::Arm, [-38, -38, -38]),
    ] {
        let xen = Xen::builder().release(release).build();
        let a = guest(&xen, DomainConfig::new(kind).pages(4));
        let tools = guest(&xen, DomainConfig::new(kind).pages(4).privileged());
        let map = |domain, domid| {
            let mut op = physdev_map_pirq {
                domid,
                type_: MAP_PIRQ_TYPE_GSI as i32,
                index: 9,
                pirq: -1,
                ..physdev_map_pirq::ZERO
            };
            other_op(domain, __HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &mut op)
        };
        let answers = [map(&a, DOMID_SELF), map(&a, domid_t(77)), map(&tools, DOMID_SELF)];
        assert_eq!(answers, expected, "{release:?} {kind:?}");
    }
}
