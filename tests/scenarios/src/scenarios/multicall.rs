//! `multicall`: entries that succeed, that fail, and that Xen does not reach.

#![allow(unsafe_code, reason = "gives Xen lists of hypercalls")]

use core::ptr;

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::version::XENVER_version;
use xen_abi::xen::*;
use xen_ops::hypercall::Hypercall;
use xen_ops::hypercall::multicall::{Multicall, NotRun};
use xen_ops::hypercall::{Error, event_channel_op, sched_op, xen_version};

use crate::outcome::{Outcome, Returned};
use crate::{Guest, Run};

/// A hypercall that no release has.
const UNKNOWN: u32 = 63;

/// What a result is before Xen writes it.
const UNTOUCHED: xen_ulong_t = 77;

pub(crate) fn multicall<G: Guest>(run: &mut Run<'_, G>) {
    let version = entry(__HYPERVISOR_xen_version, XENVER_version as usize);
    let nested = entry(__HYPERVISOR_multicall, 0);
    let mut list = [version, entry(UNKNOWN, 0), nested, version];
    raw(run, "entries", &mut list);
    let bad = run.guest.bad_address();
    // SAFETY: there is no entry, or Xen cannot reach it.
    unsafe {
        run.raw("no entries", __HYPERVISOR_multicall, [0, 0, 0]);
        run.raw("bad address", __HYPERVISOR_multicall, [bad, 1, 0]);
    }
    torn(run);
    typed(run);
}

fn entry(op: u32, argument: usize) -> multicall_entry {
    let mut entry = multicall_entry { op: op.into(), result: UNTOUCHED, ..multicall_entry::ZERO };
    entry.args[0] = argument as xen_ulong_t;
    entry
}

/// Versions differ, and so do error numbers as numbers.
fn result<G: Guest>(run: &mut Run<'_, G>, name: &str, index: usize, result: xen_ulong_t) {
    let is_version = (4 << 16..5 << 16).contains(&result);
    match result {
        UNTOUCHED => run.step(format_args!("{name}, {index}"), "untouched"),
        _ if is_version => run.step(format_args!("{name}, {index}"), "a version"),
        result => run.step(format_args!("{name}, {index}"), Returned(result as isize)),
    }
}

fn raw<G: Guest>(run: &mut Run<'_, G>, name: &str, list: &mut [multicall_entry]) {
    let at = list.as_mut_ptr().expose_provenance();
    // SAFETY: the list, of hypercalls that change nothing.
    unsafe { run.raw(name, __HYPERVISOR_multicall, [at, list.len(), 0]) };
    for (index, entry) in list.iter().enumerate() {
        result(run, name, index, entry.result);
    }
}

/// A list of which the second entry is where there is nothing.
fn torn<G: Guest>(run: &mut Run<'_, G>) {
    let page = run.guest.torn();
    // SAFETY: the first of the pages is there, and the entry is its end.
    let place = unsafe { page.add(4096 - size_of::<multicall_entry>()).cast::<multicall_entry>() };
    // SAFETY: as above.
    unsafe { place.write(entry(__HYPERVISOR_xen_version, XENVER_version as usize)) };
    let at = place.as_ptr().expose_provenance();
    // SAFETY: Xen cannot reach the second entry.
    unsafe { run.raw("torn list", __HYPERVISOR_multicall, [at, 2, 0]) };
    // SAFETY: as above.
    let first = unsafe { ptr::read_volatile(place.as_ptr()) };
    result(run, "torn list", 0, first.result);
}

fn typed<G: Guest>(run: &mut Run<'_, G>) {
    let xen = run.guest.xen().clone();
    let mut port = None;
    let (version, opened, closed, polled) = Multicall::new(&xen)
        .call(|xen| xen_version::version(xen))
        .call(|xen| event_channel_op::alloc_unbound(xen, DOMID_SELF, DOMID_SELF))
        .call(|xen| event_channel_op::close(xen, evtchn_port_t(4000)))
        .call(|xen| poll(xen))
        .run();
    if let Ok(Ok(opened)) = opened {
        port = Some(opened);
    }
    outcome(run, "typed, version", version);
    outcome(run, "typed, alloc_unbound", opened);
    outcome(run, "typed, close", closed);
    outcome(run, "typed, poll", polled);
    if let Some(port) = port {
        run.outcome("typed, close what was opened", event_channel_op::close(&xen, port));
    }
}

fn poll(xen: &(impl Hypercall + ?Sized)) -> Result<(), Error> {
    sched_op::poll(xen, &[], 1)
}

fn outcome<G: Guest, T>(
    run: &mut Run<'_, G>,
    name: &str,
    result: Result<Result<T, Error>, NotRun>,
) {
    match result {
        Ok(result) => run.step(name, Outcome::of(&result)),
        Err(_) => run.step(name, "not run"),
    }
}
