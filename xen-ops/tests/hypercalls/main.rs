//! What the typed wrappers hand to the hypervisor, register by register and byte by byte, and what
//! they make of its answers: a row of every table, and every return convention.

#![allow(unsafe_code, reason = "the test plays the hypervisor, and calls unsafe operations")]

mod count;
mod errno_alone;
mod errno_and_out;
mod lengths;
mod status;
mod value;

use core::ptr::{with_exposed_provenance, with_exposed_provenance_mut};

use xen_abi::errno::{XEN_EBUSY, XEN_EFAULT, XEN_EINVAL, XEN_ENOBUFS, XEN_ESRCH};
use xen_abi::event_channel::*;
use xen_abi::grant_table::*;
use xen_abi::hvm::hvm_op::*;
use xen_abi::memory::*;
use xen_abi::physdev::*;
use xen_abi::sched::*;
use xen_abi::version::*;
use xen_abi::xen::*;
use xen_abi::{Errno, GrantStatus, Plain, as_bytes};
use xen_ops::backend::Recorder;
use xen_ops::hypercall::{
    Cause, Error, Hypercall, UNTOUCHED, console_io, event_channel_op, grant_table_op, hvm_op,
    hypercalls, memory_op, physdev_op, sched_op, vcpu_op, xen_version,
};

/// A hypervisor that is a closure over the arguments.
struct Xen<F>(F);

// SAFETY: the closures below touch what arguments point to as the real hypercall would.
unsafe impl<F: Fn([usize; 5]) -> isize> Hypercall for Xen<F> {
    unsafe fn call(&self, _: u32, arguments: [usize; 5]) -> isize {
        (self.0)(arguments)
    }
}

/// A hypervisor that remembers its only call.
fn xen<F: Fn([usize; 5]) -> isize>(answer: F) -> Recorder<Xen<F>, 2> {
    Recorder::new(Xen(answer))
}

/// The only call: its number and the registers it used.
#[track_caller]
fn only_call<F>(xen: &Recorder<Xen<F>, 2>) -> (u32, Vec<usize>) {
    let calls = xen.calls().collect::<Vec<_>>();
    let [call] = &calls[..] else { panic!("one call, not {calls:?}") };
    (call.number, call.arguments().to_vec())
}

/// Element `index` of what lies at `address`.
fn read<T: Plain>(address: usize, index: usize) -> T {
    let place = with_exposed_provenance::<T>(address).wrapping_add(index);
    // SAFETY: a wrapper has put the address where the hypervisor finds a `T`, and waits.
    unsafe { place.read() }
}

fn write<T: Plain>(address: usize, index: usize, value: T) {
    let place = with_exposed_provenance_mut::<T>(address).wrapping_add(index);
    // SAFETY: as for reading; the wrappers hand out what can be written where Xen writes.
    unsafe { place.write(value) }
}

/// Changes the argument at `address`.
fn modify<T: Plain>(address: usize, change: impl FnOnce(&mut T)) {
    let mut argument = read(address, 0);
    change(&mut argument);
    write(address, 0, argument);
}

const fn minus(errno: Errno) -> isize {
    -(errno.0 as isize)
}

fn errno(operation: &'static str, errno: Errno) -> Error {
    Error::from_result(operation, minus(errno))
}

const DOM: domid_t = domid_t(7);
