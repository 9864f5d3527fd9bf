#![allow(unsafe_code, reason = "hypercalls are made")]

use std::cell::RefCell;
use std::string::ToString;
use std::vec::Vec;

use xen_abi::errno::*;
use xen_abi::event_channel::evtchn_port_t;
use xen_abi::sched::SHUTDOWN_poweroff;
use xen_abi::xen::*;

use super::*;
use crate::backend::Script;
use crate::hypercall::{
    BufferDesc, Error, Hypercall, event_channel_op, sched_op, timer, vm_assist,
};

/// A hypervisor that makes `stop` entries of a multicall, and then fails with `failure`. The result of an
/// entry is taken from `results`.
struct Stopping {
    results: &'static [isize],
    stop: usize,
    failure: isize,
    /// Numbers and first arguments of hypercalls, and how many entries each multicall had.
    calls: RefCell<Vec<(u32, usize)>>,
    multicalls: RefCell<Vec<usize>>,
}

impl Stopping {
    fn new(results: &'static [isize]) -> Self {
        let (calls, multicalls) = (RefCell::default(), RefCell::default());
        Self { results, stop: usize::MAX, failure: 0, calls, multicalls }
    }

    fn single(&self, number: u32, argument: usize) -> isize {
        let turn = self.calls.borrow().len();
        self.calls.borrow_mut().push((number, argument));
        self.results.get(turn).copied().unwrap_or(0)
    }
}

// SAFETY: no hypercall has an effect.
unsafe impl Hypercall for Stopping {
    unsafe fn call(&self, number: u32, arguments: [usize; 5]) -> isize {
        if number != __HYPERVISOR_multicall {
            return self.single(number, arguments[0]);
        }
        let [list, count, ..] = arguments;
        self.multicalls.borrow_mut().push(count);
        let list = core::ptr::with_exposed_provenance_mut::<multicall_entry>(list);
        for index in 0..count.min(self.stop) {
            // SAFETY: the caller's list.
            let entry = unsafe { &mut *list.add(index) };
            entry.result = self.single(entry.op as u32, entry.args[0] as usize) as xen_ulong_t;
            // As a debug build of Xen does.
            (entry.op, entry.args) = (0xaaaa_aaaa, [0xaaaa_aaaa; 6]);
        }
        if count > self.stop { self.failure } else { 0 }
    }
}

const EINVAL: isize = -22;
const EFAULT: isize = -14;

fn poll_nothing(xen: &(impl Hypercall + ?Sized)) -> Result<(), Error> {
    sched_op::poll(xen, &[], 0)
}

#[test]
fn entries_are_made_in_order_and_decoded_as_single_calls_are() {
    let xen = Stopping::new(&[0, EINVAL, 7]);
    let (timer, enabled, watchdog) = Multicall::new(&xen)
        .call(|xen| timer::set_timer_op(xen, 5))
        // SAFETY: the hypervisor has no effect.
        .call(|xen| unsafe { vm_assist::enable(xen, 1) })
        .call(|xen| sched_op::watchdog(xen, 0, 1))
        .run();

    assert_eq!(timer, Ok(Ok(())));
    // One that fails in the middle stops none after it.
    assert_eq!(enabled.unwrap().unwrap_err().errno(), Some(XEN_EINVAL));
    assert_eq!(watchdog.unwrap(), Ok(7));
    assert_eq!(*xen.multicalls.borrow(), [3]);
    let numbers = xen.calls.borrow().iter().map(|(number, _)| *number).collect::<Vec<_>>();
    let expected =
        [__HYPERVISOR_set_timer_op, __HYPERVISOR_vm_assist, __HYPERVISOR_sched_op].to_vec();
    assert_eq!(numbers, expected);
    assert_eq!(xen.calls.borrow()[0].1, 5);
}

#[test]
fn a_refused_multicall_runs_no_entry() {
    // SAFETY: nothing relies on what these hypercalls do.
    let xen = unsafe { Script::new(&[-38]) };
    let (poll, port) =
        Multicall::new(&xen).call(|xen| poll_nothing(xen)).call(|xen| poll_nothing(xen)).run();
    let error = poll.unwrap_err();
    assert_eq!(error.error.errno(), Some(XEN_ENOSYS));
    assert_eq!(error.to_string(), "not run: multicall: not implemented (ENOSYS)");
    assert_eq!(port, Err(error));
}

#[test]
fn entries_before_the_one_at_which_the_hypervisor_stopped_have_results() {
    let xen = Stopping { stop: 2, failure: EFAULT, ..Stopping::new(&[0, EINVAL]) };
    let (first, second, third) = Multicall::new(&xen)
        .call(|xen| poll_nothing(xen))
        .call(|xen| poll_nothing(xen))
        .call(|xen| poll_nothing(xen))
        .run();
    assert_eq!(first, Ok(Ok(())));
    assert_eq!(second.unwrap().unwrap_err().errno(), Some(XEN_EINVAL));
    assert_eq!(third.unwrap_err().error.errno(), Some(XEN_EFAULT));
}

#[test]
fn a_result_that_was_never_written_is_no_success() {
    // SAFETY: nothing relies on what these hypercalls do.
    let xen = unsafe { Script::new(&[0]) };
    let (poll,) = Multicall::new(&xen).call(|xen| poll_nothing(xen)).run();
    assert!(poll.unwrap().is_err());
}

#[test]
fn no_calls_are_no_hypercall() {
    let xen = Stopping::new(&[]);
    let () = Multicall::new(&xen).run();
    let (nothing,) = Multicall::new(&xen).call(|_| 5).run();
    assert_eq!(nothing, Ok(5));
    for_each::<4, _, (), ()>(&xen, &mut [], |_, ()| (), |_, _| panic!("there is no item"));
    assert!(xen.multicalls.borrow().is_empty());
}

#[test]
fn a_closure_without_a_hypercall_is_left_out() {
    let xen = Stopping::new(&[0, EINVAL]);
    let change = None;
    let (first, second, third) = Multicall::new(&xen)
        .call(|xen| poll_nothing(xen))
        .call(|xen| change.map(|timeout| timer::set_timer_op(xen, timeout)))
        .call(|xen| poll_nothing(xen))
        .run();
    assert_eq!((first, second), (Ok(Ok(())), Ok(None)));
    assert!(third.unwrap().is_err());
    assert_eq!(*xen.multicalls.borrow(), [2]);
}

#[test]
fn a_second_hypercall_of_a_closure_follows_the_multicall() {
    let xen = Stopping::new(&[1, 2, 3]);
    let (sums, last) = Multicall::new(&xen)
        .call(|xen| {
            // SAFETY: the hypervisor has no effect.
            let shutdown = || unsafe { sched_op::shutdown(xen, SHUTDOWN_poweroff) };
            (shutdown(), shutdown())
        })
        .call(|xen| sched_op::watchdog(xen, 0, 1))
        .run();
    assert_eq!((sums, last), (Ok((Ok(1), Ok(3))), Ok(Ok(2))));
    assert_eq!(*xen.multicalls.borrow(), [2]);
}

/// A backend that cannot bounce buffers of one length.
struct Unbounceable<'a>(&'a Stopping, usize);

// SAFETY: forwards, or refuses to.
unsafe impl Hypercall for Unbounceable<'_> {
    unsafe fn call(&self, number: u32, arguments: [usize; 5]) -> isize {
        // SAFETY: the caller's promise.
        unsafe { self.0.call(number, arguments) }
    }

    unsafe fn bounce_in(&self, buffer: BufferDesc) -> Result<usize, xen_abi::Errno> {
        if buffer.length == self.1 { Err(XEN_ENOMEM) } else { Ok(buffer.address) }
    }
}

#[test]
fn a_call_that_cannot_be_bounced_fails_alone() {
    let inner = Stopping::new(&[0, EINVAL]);
    let xen = Unbounceable(&inner, size_of::<xen_abi::event_channel::evtchn_send>());
    let (first, send, last) = Multicall::new(&xen)
        .call(|xen| poll_nothing(xen))
        .call(|xen| event_channel_op::send(xen, evtchn_port_t(3)))
        .call(|xen| poll_nothing(xen))
        .run();
    assert_eq!(first, Ok(Ok(())));
    assert_eq!(send.unwrap().unwrap_err().errno(), Some(XEN_ENOMEM));
    assert_eq!(last.unwrap().unwrap_err().errno(), Some(XEN_EINVAL));
    assert_eq!(*inner.multicalls.borrow(), [2]);
}

#[test]
fn more_items_than_entries_are_several_multicalls() {
    let xen = Stopping::new(&[0, 0, 0, EINVAL, 0]);
    let mut items = [10, 20, 30, 40, 50, 60, 70];
    let mut results = [None; 7];
    for_each::<3, _, _, _>(
        &xen,
        &mut items,
        |xen, item| {
            let result = timer::set_timer_op(xen, *item);
            *item += 1;
            result
        },
        |index, result| results[index] = Some(result),
    );
    assert_eq!(items, [11, 21, 31, 41, 51, 61, 71]);
    assert_eq!(*xen.multicalls.borrow(), [3, 3, 1]);
    let arguments = xen.calls.borrow().iter().map(|(_, first)| *first).collect::<Vec<_>>();
    assert_eq!(arguments, [10, 20, 30, 40, 50, 60, 70]);
    let failed = results.map(|result| result.unwrap().unwrap().is_err());
    assert_eq!(failed, [false, false, false, true, false, false, false]);
}

#[test]
fn items_after_a_failed_multicall_are_not_run() {
    let xen = Stopping { stop: 1, failure: EFAULT, ..Stopping::new(&[]) };
    let mut results = [None; 5];
    for_each::<2, _, _, _>(
        &xen,
        &mut [(); 5],
        |xen, ()| poll_nothing(xen),
        |index, result| results[index] = Some(result.map_err(|not_run| not_run.error.errno())),
    );
    let not_run = Some(Err(Some(XEN_EFAULT)));
    assert_eq!(results, [Some(Ok(Ok(()))), not_run, not_run, not_run, not_run]);
    assert_eq!(*xen.multicalls.borrow(), [2]);
}
