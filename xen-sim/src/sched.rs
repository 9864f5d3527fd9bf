//! `sched_op`: waiting and shutting down.

use std::sync::MutexGuard;
use std::time::Duration;

use xen_abi::errno::*;
use xen_abi::event_channel::evtchn_port_t;
use xen_abi::sched::*;
use xen_abi::xen::domid_t;

use crate::config::Release;
use crate::error::Answer;
use crate::machine::Machine;
use crate::record::HypercallRecord;
use crate::state::State;
use crate::state::guest_access::address;

/// Ports that can be polled at a time.
const MAX_PORTS: u32 = 128;

impl Machine {
    /// Does not hold the lock while it waits.
    pub(crate) fn sched_op(
        &self,
        state: MutexGuard<'_, State>,
        caller: domid_t,
        arguments: [usize; 5],
    ) -> HypercallRecord {
        let (command, at) = (arguments[0] as u32, arguments[1]);
        match command {
            SCHEDOP_yield => {
                drop(state);
                std::thread::yield_now();
                HypercallRecord::new(caller, "SCHEDOP_yield", Ok(0))
            }
            SCHEDOP_block => {
                let any =
                    |state: &State| state.domain(caller).is_none_or(|d| d.ports.any_pending());
                self.sleep(state, None, any);
                HypercallRecord::new(caller, "SCHEDOP_block", Ok(0))
            }
            SCHEDOP_poll => {
                HypercallRecord::new(caller, "SCHEDOP_poll", self.poll(state, caller, at))
            }
            _ => shut_down(state, caller, command, at),
        }
    }

    fn poll(&self, state: MutexGuard<'_, State>, caller: domid_t, at: usize) -> Answer {
        let op: sched_poll = state.read(caller, at)?;
        if op.nr_ports > MAX_PORTS {
            return Err(XEN_EINVAL);
        }
        state.check_array(caller, address(op.ports))?;
        // Before 4.15 a port only had to be allocated, not open.
        let old = state.release == Release::V4_14;
        let mut ports = Vec::new();
        for index in 0..op.nr_ports as usize {
            let evtchn_port_t(port) = state.read_at(caller, address(op.ports), index)?;
            let known = &state.caller(caller).ports;
            if !known.is_known(port) || !(old || known.end(port).is_some()) {
                return Err(XEN_EINVAL);
            }
            // Xen does not look at those after a pending one.
            if known.is_pending(port) {
                return Ok(0);
            }
            ports.push(port);
        }
        // The timeout is a moment of Xen's time; 0 for none.
        let wait = op.timeout.saturating_sub(state.now());
        let timeout = (op.timeout != 0).then(|| Duration::from_nanos(wait));
        self.sleep(state, timeout, |state| {
            state
                .domain(caller)
                .is_none_or(|domain| ports.iter().any(|port| domain.ports.is_pending(*port)))
        });
        Ok(0)
    }
}

fn shut_down(
    mut state: MutexGuard<'_, State>,
    caller: domid_t,
    command: u32,
    at: usize,
) -> HypercallRecord {
    let (operation, answer) = match command {
        SCHEDOP_shutdown | SCHEDOP_shutdown_code => {
            let name = if command == SCHEDOP_shutdown {
                "SCHEDOP_shutdown"
            } else {
                "SCHEDOP_shutdown_code"
            };
            let answer = state.read::<sched_shutdown>(caller, at).map(|op| {
                // Xen keeps one byte, of the first reason it is given.
                state.caller_mut(caller).shutdown.get_or_insert(op.reason as u8);
                0
            });
            (name, answer.map_err(Into::into))
        }
        SCHEDOP_watchdog => ("SCHEDOP_watchdog", watchdog(&mut state, caller, at)),
        SCHEDOP_pin_override => ("SCHEDOP_pin_override", pin_override(&mut state, caller, at)),
        SCHEDOP_remote_shutdown => ("SCHEDOP_remote_shutdown", remote(&mut state, caller, at)),
        _ => ("sched_op", Err(XEN_ENOSYS)),
    };
    HypercallRecord::new(caller, operation, answer)
}

fn remote(state: &mut State, caller: domid_t, at: usize) -> Answer {
    let op: sched_remote_shutdown = state.read(caller, at)?;
    if state.domain(op.domain_id).is_none() {
        return Err(XEN_ESRCH);
    }
    if !state.caller(caller).privileged {
        return Err(XEN_EPERM);
    }
    if let Some(domain) = state.domain_mut(op.domain_id) {
        domain.shutdown.get_or_insert(op.reason as u8);
    }
    Ok(0)
}

/// Timers are set and never expire: no guest is shut down for being slow.
fn watchdog(state: &mut State, caller: domid_t, at: usize) -> Answer {
    let op: sched_watchdog = state.read(caller, at)?;
    let timers = &mut state.caller_mut(caller).watchdogs;
    let Some(index) = op.id.checked_sub(1) else {
        let Some(free) = timers.iter().position(|set| !set) else {
            // A 64-bit Xen loses the sign of the error number when it converts it.
            return match isize::try_from(XEN_ENOSPC.0.wrapping_neg()) {
                Ok(number) => Ok(number),
                Err(_) => Err(XEN_ENOSPC),
            };
        };
        timers[free] = true;
        return Ok(free as isize + 1);
    };
    let timer = timers.get_mut(index as usize).filter(|set| **set).ok_or(XEN_EINVAL)?;
    *timer = op.timeout != 0;
    Ok(0)
}

/// Pins the vCPU to the machine's one processor, or undoes that.
fn pin_override(state: &mut State, caller: domid_t, at: usize) -> Answer {
    if !state.caller(caller).privileged {
        return Err(XEN_EPERM);
    }
    let op: sched_pin_override = state.read(caller, at)?;
    let pinned = &mut state.caller_mut(caller).pinned;
    match (op.pcpu, *pinned) {
        (0, true) => return Err(XEN_EBUSY),
        (0, false) => *pinned = true,
        (..0, true) => *pinned = false,
        _ => return Err(XEN_EINVAL),
    }
    Ok(0)
}
