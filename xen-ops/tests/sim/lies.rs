//! A hypervisor that lies: the simulator's answers, with chosen ones replaced.

#![allow(non_upper_case_globals, reason = "upstream's names in patterns")]

use std::collections::VecDeque;
use std::mem::offset_of;
use std::ptr::{self, with_exposed_provenance, with_exposed_provenance_mut};
use std::sync::{Mutex, MutexGuard};

use xen_abi::grant_table::*;
use xen_abi::memory::{XENMEM_add_to_physmap, xen_add_to_physmap};
use xen_abi::xen::{__HYPERVISOR_grant_table_op, __HYPERVISOR_memory_op};
use xen_abi::{GuestHandle, Plain};
use xen_ops::hypercall::Hypercall;

/// What to do with an element of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// Do it.
    Do,
    /// Write this status and do nothing.
    Status(i16),
    /// Go on without writing a status.
    Skip,
    /// Do nothing, and end the hypercall.
    Fault,
    /// Do it, but end the hypercall without writing the answer.
    DoThenFault,
}

/// What to do with a hypercall.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    /// Do it.
    Do,
    /// Do nothing, and return this.
    Instead(isize),
    /// Do it, but return this.
    After(isize),
}

/// Forwards hypercalls to `H`, except for those, and for elements of batches, that have another answer.
pub(crate) struct Lies<H> {
    truth: H,
    script: Mutex<Script>,
}

#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
    outcomes: VecDeque<Outcome>,
    no_device_address: bool,
    calls: Vec<Call>,
}

/// A hypercall, and its arguments as they came in.
struct Call {
    number: u32,
    command: u32,
    count: usize,
    arguments: Vec<Vec<u8>>,
}

/// A structure that the tests look at after it went to Xen.
pub(crate) trait Argument: Plain {
    const NUMBER: u32;
    const COMMAND: u32;
}

/// Size of an argument, and offset of its status if it is an element of a batch.
type Layout = (usize, Option<usize>);

macro_rules! arguments {
    ($($number:ident $command:ident $type:ident $($status:ident)?;)*) => {
        $(impl Argument for $type {
            const NUMBER: u32 = $number;
            const COMMAND: u32 = $command;
        })*

        fn layout(number: u32, command: u32) -> Option<Layout> {
            match (number, command) {
                $(($number, $command) => {
                    let status = None::<usize>;
                    $(let status = status.or(Some(offset_of!($type, $status)));)?
                    Some((size_of::<$type>(), status))
                })*
                _ => None,
            }
        }
    };
}

arguments! {
    __HYPERVISOR_grant_table_op GNTTABOP_map_grant_ref gnttab_map_grant_ref status;
    __HYPERVISOR_grant_table_op GNTTABOP_unmap_grant_ref gnttab_unmap_grant_ref status;
    __HYPERVISOR_grant_table_op GNTTABOP_unmap_and_replace gnttab_unmap_and_replace status;
    __HYPERVISOR_grant_table_op GNTTABOP_transfer gnttab_transfer status;
    __HYPERVISOR_grant_table_op GNTTABOP_copy gnttab_copy status;
    __HYPERVISOR_grant_table_op GNTTABOP_swap_grant_ref gnttab_swap_grant_ref status;
    __HYPERVISOR_grant_table_op GNTTABOP_cache_flush gnttab_cache_flush;
    __HYPERVISOR_memory_op XENMEM_add_to_physmap xen_add_to_physmap;
}

impl<H> Lies<H> {
    pub(crate) fn new(truth: H) -> Self {
        Self { truth, script: Mutex::default() }
    }

    /// The hypervisor that tells the truth.
    pub(crate) fn truth(&self) -> &H {
        &self.truth
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().expect("no test fails in here")
    }

    /// Answers for the next elements of batches. Those after them are done.
    pub(crate) fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script().answers.extend(answers);
    }

    /// Outcomes for the next hypercalls. Those after them are done.
    pub(crate) fn outcome(&self, outcomes: impl IntoIterator<Item = Outcome>) {
        self.script().outcomes.extend(outcomes);
    }

    /// Tells the truth again.
    pub(crate) fn clear(&self) {
        let mut script = self.script();
        script.answers.clear();
        script.outcomes.clear();
    }

    /// From now on, maps report device address 0.
    pub(crate) fn hide_device_addresses(&self) {
        self.script().no_device_address = true;
    }

    /// How many hypercalls were made.
    pub(crate) fn calls(&self) -> usize {
        self.script().calls.len()
    }

    /// Commands of the hypercalls with this number.
    pub(crate) fn commands(&self, number: u32) -> Vec<u32> {
        let script = self.script();
        let calls = script.calls.iter().filter(|call| call.number == number);
        calls.map(|call| call.command).collect()
    }

    /// Element counts of the batches of `T`.
    pub(crate) fn counts<T: Argument>(&self) -> Vec<usize> {
        let script = self.script();
        let calls = script.calls.iter().filter(|call| call.is_of::<T>());
        calls.map(|call| call.count).collect()
    }

    /// Arguments and elements of the type `T`, as they came in.
    pub(crate) fn seen<T: Argument>(&self) -> Vec<T> {
        let script = self.script();
        let arguments = script.calls.iter().filter(|call| call.is_of::<T>());
        // SAFETY: an argument of this type is kept with all of its bytes, and any bytes are a value.
        let read = |bytes: &Vec<u8>| unsafe { bytes.as_ptr().cast::<T>().read_unaligned() };
        arguments.flat_map(|call| &call.arguments).map(read).collect()
    }
}

impl Call {
    fn is_of<T: Argument>(&self) -> bool {
        (self.number, self.command) == (T::NUMBER, T::COMMAND)
    }
}

impl<H: Hypercall> Lies<H> {
    fn note(&self, number: u32, [command, at, count, ..]: [usize; 5]) -> Outcome {
        let command = command as u32;
        let count = if number == __HYPERVISOR_grant_table_op { count } else { 1 };
        let size = layout(number, command).map_or(0, |layout| layout.0);
        let mut arguments = Vec::new();
        for index in 0..if size == 0 { 0 } else { count } {
            let from = with_exposed_provenance::<u8>(at + index * size);
            let mut bytes = vec![0; size];
            // SAFETY: the caller of the hypercall passes that many arguments of that size.
            unsafe { ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), size) };
            arguments.push(bytes);
        }
        let mut script = self.script();
        script.calls.push(Call { number, command, count, arguments });
        script.outcomes.pop_front().unwrap_or(Outcome::Do)
    }

    unsafe fn forward(&self, number: u32, arguments: [usize; 5]) -> isize {
        let [command, at, count, ..] = arguments;
        let Some((size, Some(status))) = layout(number, command as u32) else {
            // SAFETY: the caller's promise.
            return unsafe { self.truth.call(number, arguments) };
        };
        for element in (0..count).map(|index| at + index * size) {
            // SAFETY: the caller passes that many elements.
            let result = unsafe { self.element(command, element, size, status) };
            if result != 0 {
                return result;
            }
        }
        0
    }

    unsafe fn element(&self, command: usize, at: usize, size: usize, status: usize) -> isize {
        let answer = self.script().answers.pop_front().unwrap_or(Answer::Do);
        // SAFETY: the caller's promise, for one element.
        let truth =
            |at| unsafe { self.truth.call(__HYPERVISOR_grant_table_op, [command, at, 1, 0, 0]) };
        match answer {
            Answer::Do => {
                let result = truth(at);
                if command as u32 == GNTTABOP_map_grant_ref && self.script().no_device_address {
                    let map = with_exposed_provenance_mut::<gnttab_map_grant_ref>(at);
                    // SAFETY: the element is of this type.
                    unsafe { (*map).dev_bus_addr = 0 };
                }
                result
            }
            Answer::Status(value) => {
                // SAFETY: each element has its status there.
                unsafe { with_exposed_provenance_mut::<i16>(at + status).write(value) };
                0
            }
            Answer::Skip => 0,
            Answer::Fault => -14,
            Answer::DoThenFault => {
                let mut copy = [0_u64; 16];
                // SAFETY: an element is smaller than the copy.
                unsafe {
                    let from = with_exposed_provenance::<u8>(at);
                    ptr::copy_nonoverlapping(from, copy.as_mut_ptr().cast(), size);
                }
                truth(copy.as_mut_ptr().expose_provenance());
                -14
            }
        }
    }
}

// SAFETY: changes nothing but answers, and tests of lies rely on no effect of a hypercall.
unsafe impl<H: Hypercall> Hypercall for Lies<H> {
    unsafe fn call(&self, number: u32, arguments: [usize; 5]) -> isize {
        match self.note(number, arguments) {
            // SAFETY: the caller's promise.
            Outcome::Do => unsafe { self.forward(number, arguments) },
            Outcome::Instead(result) => result,
            Outcome::After(result) => {
                // SAFETY: the caller's promise.
                unsafe { self.forward(number, arguments) };
                result
            }
        }
    }
}

/// A hypervisor that answers as a closure says: the operation and the address of its argument in, the
/// result out.
pub(crate) struct Says<F>(pub(crate) F);

// SAFETY: the closures touch what the argument points to, as the hypercall would.
unsafe impl<F: Fn(u32, usize) -> isize> Hypercall for Says<F> {
    unsafe fn call(&self, _: u32, [operation, argument, ..]: [usize; 5]) -> isize {
        (self.0)(operation as u32, argument)
    }
}

/// Reads a value of the guest's.
pub(crate) fn peek<T: Plain>(address: usize) -> T {
    // SAFETY: the wrappers under test pass memory that is there.
    unsafe { with_exposed_provenance::<T>(address).read() }
}

/// Writes a value of the guest's.
pub(crate) fn poke<T: Plain>(address: usize, value: T) {
    // SAFETY: as in `peek`.
    unsafe { with_exposed_provenance_mut::<T>(address).write(value) };
}

/// The address of an element of a list.
pub(crate) fn at<T>(list: GuestHandle<T>, index: usize) -> usize {
    list.addr() as usize + index * size_of::<T>()
}
