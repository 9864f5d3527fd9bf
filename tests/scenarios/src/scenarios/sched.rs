//! `sched_op`, but for what would end the domain.

#![allow(unsafe_code, reason = "hypercalls without a typed wrapper")]

use core::ptr;

use xen_abi::GuestHandle;
use xen_abi::sched::*;
use xen_abi::xen::{__HYPERVISOR_sched_op, domid_t};

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
    let mut watchdog = sched_watchdog { id: 9, timeout: 5 };
    let at = ptr::from_mut(&mut watchdog).expose_provenance();
    // SAFETY: as above; there is no such timer, so that none is started.
    unsafe { run.raw("watchdog, no such timer", __HYPERVISOR_sched_op, op(SCHEDOP_watchdog, at)) };
}
