//! `sched_op`, but for what would end the domain.

#![allow(unsafe_code, reason = "hypercalls without a typed wrapper")]

use core::ptr;

use xen_abi::GuestHandle;
use xen_abi::event_channel::evtchn_port_t;
use xen_abi::sched::*;
use xen_abi::xen::{__HYPERVISOR_sched_op, domid_t};

use xen_ops::hypercall::event_channel_op::{bind_ipi, close, send};
use xen_ops::hypercall::sched_op::poll;

use crate::{Guest, Run};

pub(crate) fn sched<G: Guest>(run: &mut Run<'_, G>) {
    let bad = run.guest.bad_address();
    let op = |command: u32, at: usize| [command as usize, at, 0];
    // SAFETY: Xen reads arguments that are there, or finds out that they are not.
    unsafe {
        run.raw("yield", __HYPERVISOR_sched_op, op(SCHEDOP_yield, 0));
        run.raw("poll, bad address", __HYPERVISOR_sched_op, op(SCHEDOP_poll, bad));
        run.raw("shutdown, bad address", __HYPERVISOR_sched_op, op(SCHEDOP_shutdown, bad));
        run.raw("unknown command", __HYPERVISOR_sched_op, op(99, 0));
    }
    let no_ports = GuestHandle::from_addr(0);
    // A deadline in the past: Xen does not wait.
    for (name, nr_ports) in [("poll, no ports", 0), ("poll, too many ports", 129)] {
        let mut poll = sched_poll { ports: no_ports, nr_ports, timeout: 1, ..sched_poll::ZERO };
        let at = ptr::from_mut(&mut poll).expose_provenance();
        // SAFETY: Xen reads the argument.
        unsafe { run.raw(name, __HYPERVISOR_sched_op, op(SCHEDOP_poll, at)) };
    }
    let mut remote =
        sched_remote_shutdown { domain_id: domid_t(777), ..sched_remote_shutdown::ZERO };
    let at = ptr::from_mut(&mut remote).expose_provenance();
    // SAFETY: as above; there is no such domain.
    unsafe {
        run.raw(
            "remote_shutdown, no such domain",
            __HYPERVISOR_sched_op,
            op(SCHEDOP_remote_shutdown, at),
        );
    }
    watchdogs(run);
    polls(run);
    let mut code = sched_shutdown { reason: SHUTDOWN_poweroff };
    let at = ptr::from_mut(&mut code).expose_provenance();
    let pin = SCHEDOP_pin_override;
    // SAFETY: as above; the domain goes on.
    unsafe {
        run.raw(
            "shutdown_code, bad address",
            __HYPERVISOR_sched_op,
            op(SCHEDOP_shutdown_code, bad),
        );
        run.raw("shutdown_code", __HYPERVISOR_sched_op, op(SCHEDOP_shutdown_code, at));
        run.raw("pin_override, bad address", __HYPERVISOR_sched_op, op(pin, bad));
    }
    for (name, pcpu) in [("no such processor", i32::MAX), ("none", -1)] {
        let mut pin_override = sched_pin_override { pcpu };
        let at = ptr::from_mut(&mut pin_override).expose_provenance();
        // SAFETY: as above.
        unsafe {
            run.raw(format_args!("pin_override, {name}"), __HYPERVISOR_sched_op, op(pin, at));
        };
    }
}

/// Timers that would end the domain long after the scenarios have.
fn watchdogs<G: Guest>(run: &mut Run<'_, G>) {
    for (name, id, timeout) in [
        ("no such timer", 9, 5),
        ("not set", 1, 5),
        ("a first one", 0, 3600),
        ("a second one", 0, 3600),
        ("a third one", 0, 3600),
        ("the first again", 1, 3600),
        ("no first", 1, 0),
        ("no second", 2, 0),
        ("no second again", 2, 0),
    ] {
        let mut watchdog = sched_watchdog { id, timeout };
        let at = ptr::from_mut(&mut watchdog).expose_provenance();
        let arguments = [SCHEDOP_watchdog as usize, at, 0];
        // SAFETY: Xen reads the argument.
        unsafe { run.raw(format_args!("watchdog, {name}"), __HYPERVISOR_sched_op, arguments) };
    }
}

/// Polls that need not wait: an event is pending, or the moment is over.
fn polls<G: Guest>(run: &mut Run<'_, G>) {
    let bad = run.guest.bad_address();
    let port = bind_ipi(run.guest.xen(), 0).unwrap_or_default();
    let mut sent = send(run.guest.xen(), port);
    for (name, port, timeout) in [
        ("a pending port", port, 0),
        ("a port of nothing", evtchn_port_t(1000), 1),
        ("no port", evtchn_port_t(u32::MAX), 1),
    ] {
        let result = sent.and_then(|()| poll(run.guest.xen(), &[port], timeout));
        sent = Ok(());
        run.outcome(format_args!("poll, {name}"), result);
    }
    let ports = GuestHandle::from_addr(bad as _);
    let mut argument = sched_poll { ports, nr_ports: 1, timeout: 1, ..sched_poll::ZERO };
    let at = ptr::from_mut(&mut argument).expose_provenance();
    let arguments = [SCHEDOP_poll as usize, at, 0];
    // SAFETY: there is no list, and Xen says so.
    unsafe { run.raw("poll, bad list", __HYPERVISOR_sched_op, arguments) };
    let closed = close(run.guest.xen(), port);
    run.outcome("poll, close", closed);
}
