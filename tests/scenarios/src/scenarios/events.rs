//! `event_channel_op`: ports of one domain, connected with each other.

#![allow(unsafe_code, reason = "hypercalls without a typed wrapper")]
#![allow(non_upper_case_globals, reason = "upstream's constants are matched against")]

use core::fmt;
use core::ptr;

use xen_abi::Plain;
use xen_abi::event_channel::*;
use xen_abi::xen::{__HYPERVISOR_event_channel_op, DOMID_SELF, VIRQ_DEBUG, VIRQ_TIMER, domid_t};

use crate::{Guest, Run};

/// A port that the domain does not have.
const NO_PORT: evtchn_port_t = evtchn_port_t(1000);
const NO_DOMAIN: domid_t = domid_t(777);

pub(crate) fn events<G: Guest>(run: &mut Run<'_, G>) {
    let bad = run.guest.bad_address();
    let zero = evtchn_alloc_unbound::ZERO;
    let mut unbound = evtchn_alloc_unbound { dom: DOMID_SELF, remote_dom: DOMID_SELF, ..zero };
    op(run, "alloc_unbound", EVTCHNOP_alloc_unbound, &mut unbound);
    let first = unbound.port;
    let mut other = evtchn_alloc_unbound { dom: NO_DOMAIN, remote_dom: DOMID_SELF, ..zero };
    op(run, "alloc_unbound, no such domain", EVTCHNOP_alloc_unbound, &mut other);

    status(run, "status, unbound", first);
    op(run, "send, unbound", EVTCHNOP_send, &mut evtchn_send { port: first });

    let (me, zero) = (run.guest.domid(), evtchn_bind_interdomain::ZERO);
    let mut bound = evtchn_bind_interdomain { remote_dom: me, remote_port: first, ..zero };
    op(run, "bind_interdomain", EVTCHNOP_bind_interdomain, &mut bound);
    let second = bound.local_port;
    distance(run, "bind_interdomain, port", second, first);
    op(run, "bind_interdomain, bound already", EVTCHNOP_bind_interdomain, &mut bound);
    let mut nowhere = evtchn_bind_interdomain { remote_dom: me, remote_port: NO_PORT, ..zero };
    op(run, "bind_interdomain, no such port", EVTCHNOP_bind_interdomain, &mut nowhere);
    nowhere.remote_dom = NO_DOMAIN;
    op(run, "bind_interdomain, no such domain", EVTCHNOP_bind_interdomain, &mut nowhere);
    status(run, "status, interdomain", first);

    op(run, "send", EVTCHNOP_send, &mut evtchn_send { port: first });
    let pending = run.guest.take_event(second.0);
    run.step("pending at the other end", pending);
    let pending = run.guest.take_event(first.0);
    run.step("pending at the near end", pending);
    op(run, "send, no such port", EVTCHNOP_send, &mut evtchn_send { port: NO_PORT });

    let mut virq = evtchn_bind_virq { virq: VIRQ_DEBUG, ..evtchn_bind_virq::ZERO };
    op(run, "bind_virq", EVTCHNOP_bind_virq, &mut virq);
    op(run, "bind_virq, bound already", EVTCHNOP_bind_virq, &mut virq);
    distance(run, "bind_virq, port", virq.port, first);
    status(run, "status, virq", virq.port);
    let mut other = evtchn_bind_virq { virq: 24, ..evtchn_bind_virq::ZERO };
    op(run, "bind_virq, no such virq", EVTCHNOP_bind_virq, &mut other);
    let mut other = evtchn_bind_virq { virq: VIRQ_TIMER, vcpu: 99, ..evtchn_bind_virq::ZERO };
    op(run, "bind_virq, no such vcpu", EVTCHNOP_bind_virq, &mut other);

    let mut ipi = evtchn_bind_ipi::ZERO;
    op(run, "bind_ipi", EVTCHNOP_bind_ipi, &mut ipi);
    distance(run, "bind_ipi, port", ipi.port, first);
    status(run, "status, ipi", ipi.port);
    op(run, "send, ipi", EVTCHNOP_send, &mut evtchn_send { port: ipi.port });
    let pending = run.guest.take_event(ipi.port.0);
    run.step("pending, ipi", pending);
    let mut other = evtchn_bind_ipi { vcpu: 99, ..evtchn_bind_ipi::ZERO };
    op(run, "bind_ipi, no such vcpu", EVTCHNOP_bind_ipi, &mut other);

    let mut pirq = evtchn_bind_pirq { pirq: u32::MAX, ..evtchn_bind_pirq::ZERO };
    op(run, "bind_pirq, no such interrupt", EVTCHNOP_bind_pirq, &mut pirq);
    // A line that has no device.
    let mut pirq = evtchn_bind_pirq { pirq: 20, ..evtchn_bind_pirq::ZERO };
    op(run, "bind_pirq", EVTCHNOP_bind_pirq, &mut pirq);
    if pirq.port != evtchn_port_t(0) {
        op(run, "bind_pirq, bound already", EVTCHNOP_bind_pirq, &mut pirq);
        status(run, "status, pirq", pirq.port);
        op(run, "send, pirq", EVTCHNOP_send, &mut evtchn_send { port: pirq.port });
        op(run, "close, pirq", EVTCHNOP_close, &mut evtchn_close { port: pirq.port });
    }
    let mut to = evtchn_bind_vcpu { port: first, vcpu: 0 };
    op(run, "bind_vcpu", EVTCHNOP_bind_vcpu, &mut to);
    to.vcpu = 99;
    op(run, "bind_vcpu, no such vcpu", EVTCHNOP_bind_vcpu, &mut to);
    op(run, "unmask", EVTCHNOP_unmask, &mut evtchn_unmask { port: first });
    op(run, "unmask, no such port", EVTCHNOP_unmask, &mut evtchn_unmask { port: NO_PORT });

    op(run, "close", EVTCHNOP_close, &mut evtchn_close { port: second });
    status(run, "status, other end closed", first);
    op(run, "close, closed already", EVTCHNOP_close, &mut evtchn_close { port: second });
    op(run, "close, port 0", EVTCHNOP_close, &mut evtchn_close { port: evtchn_port_t(0) });
    status(run, "status, closed", second);
    let mut reset = evtchn_reset { dom: DOMID_SELF };
    op(run, "reset", EVTCHNOP_reset, &mut reset);
    status(run, "status after reset", first);
    reset.dom = NO_DOMAIN;
    op(run, "reset, no such domain", EVTCHNOP_reset, &mut reset);

    // SAFETY: there is no argument, and Xen says so.
    unsafe {
        let close = EVTCHNOP_close as usize;
        run.raw("close, bad address", __HYPERVISOR_event_channel_op, [close, bad, 0]);
        run.raw("unknown command", __HYPERVISOR_event_channel_op, [99, 0, 0]);
    }
}

fn op<G: Guest, T: Plain>(run: &mut Run<'_, G>, name: &str, command: u32, argument: &mut T) {
    let at = ptr::from_mut(argument).expose_provenance();
    // SAFETY: Xen reads and writes the argument, which belongs to the command.
    unsafe { run.raw(name, __HYPERVISOR_event_channel_op, [command as usize, at, 0]) };
}

/// Asks what a port is, and writes down the kind too, with what the port is connected to.
fn status<G: Guest>(run: &mut Run<'_, G>, name: &str, port: evtchn_port_t) {
    let mut status = evtchn_status { dom: DOMID_SELF, port, ..evtchn_status::ZERO };
    op(run, name, EVTCHNOP_status, &mut status);
    run.step(format_args!("{name}, kind"), status.status);
    let whose = |domid: domid_t| if domid == run.guest.domid() { "own" } else { "another's" };
    match status.status {
        EVTCHNSTAT_unbound => {
            let remote = whose(status.u.unbound().dom);
            run.step(format_args!("{name}, remote"), remote);
        }
        EVTCHNSTAT_interdomain => {
            let remote = *status.u.interdomain();
            let whose = whose(remote.dom);
            run.step(format_args!("{name}, remote"), whose);
            distance(run, format_args!("{name}, remote port"), remote.port, port);
        }
        EVTCHNSTAT_virq => run.step(format_args!("{name}, interrupt"), status.u.virq()),
        _ => {}
    }
    run.step(format_args!("{name}, vcpu"), status.vcpu);
}

/// Writes down how far a port is from another, for domains have different ports from the start.
fn distance<G: Guest>(
    run: &mut Run<'_, G>,
    name: impl fmt::Display,
    port: evtchn_port_t,
    from: evtchn_port_t,
) {
    run.step(format_args!("{name}, distance"), port.0.wrapping_sub(from.0) as i32);
}
