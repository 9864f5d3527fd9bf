//! A table of a user's own: `hypercalls!` outside of xen-ops, and what each row hands over.

#![allow(unsafe_code, reason = "a hypervisor is played")]
#![allow(non_camel_case_types, non_upper_case_globals, reason = "named as upstream would")]

use std::cell::{Cell, RefCell};

use xen_ops::hypercall::{Cause, Hypercall, hypercalls};

const __HYPERVISOR_demo_op: u32 = 55;
const DEMOOP_confuse: u32 = 1;
const DEMOOP_fill: u32 = 2;

/// Members called as the wrapper calls its own.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct demo_confuse {
    xen: u32,
    argument: u32,
    result: u32,
}

// SAFETY: integers, which fill the structure.
unsafe impl xen_ops::xen_abi::Plain for demo_confuse {}

impl demo_confuse {
    const ZERO: Self = Self { xen: 0, argument: 0, result: 0 };
}

hypercalls! {
    unsafe hypercall __HYPERVISOR_demo_op(command, id: u32, argument);
    commands DEMOOP_*, arguments demo_*;

    /// Adds.
    single confuse {
        in xen: u32,
        in argument: u32,
        inout result: u32,
    } -> errno;

    /// Fills what the caller has.
    single fill(out page: &mut [u8; 8]) -> errno;

    /// Never there: neither the function nor its type may be left over.
    #[cfg(any())]
    single absent: demo_absent {
        in a: u32,
        out b: no_such_type,
        out c: no_such_type,
    } -> errno;
}

/// Remembers one call, and does with its argument what it was told.
struct Xen<F> {
    call: Cell<(u32, [usize; 3])>,
    seen: RefCell<Vec<u8>>,
    answer: F,
}

impl<F: Fn(&mut [u8]) -> isize> Xen<F> {
    fn new(answer: F) -> Self {
        Self { call: Cell::default(), seen: RefCell::default(), answer }
    }
}

// SAFETY: does what the operations of this file stand for.
unsafe impl<F: Fn(&mut [u8]) -> isize> Hypercall for Xen<F> {
    unsafe fn call(&self, _: u32, _: [usize; 5]) -> isize {
        panic!("the hypercall takes three arguments")
    }

    unsafe fn call3(&self, number: u32, arguments: [usize; 3]) -> isize {
        self.call.set((number, arguments));
        let [command, _, address] = arguments;
        let length = match u32::try_from(command) {
            Ok(DEMOOP_confuse) => size_of::<demo_confuse>(),
            Ok(DEMOOP_fill) => 8,
            other => panic!("no operation {other:?}"),
        };
        // SAFETY: that is how long each operation's argument is, and it is borrowed for the call.
        let argument = unsafe {
            std::slice::from_raw_parts_mut(std::ptr::with_exposed_provenance_mut(address), length)
        };
        self.seen.replace(argument.to_vec());
        (self.answer)(argument)
    }
}

#[test]
fn members_called_as_the_wrappers_own_names() {
    let xen = Xen::new(|argument| {
        argument[8] += argument[0] + argument[4];
        0
    });
    assert_eq!(confuse(&xen, 7, 1, 2, 3), Ok(6));
    let (number, [command, id, _]) = xen.call.get();
    assert_eq!((number, command, id), (55, 1, 7));
    assert_eq!(*xen.seen.borrow(), [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]);
}

#[test]
fn what_is_borrowed_is_written_where_it_is() {
    let xen = Xen::new(|argument| {
        argument.fill(9);
        0
    });
    let mut page = [1; 8];
    fill(&xen, 0, &mut page).unwrap();
    assert_eq!(page, [9; 8]);
    assert_eq!(*xen.seen.borrow(), [1; 8]);
    assert_eq!(xen.call.get().1[2], page.as_ptr().addr());
}

#[test]
fn what_came_out_of_a_failure_is_not_shown() {
    for (result, cause) in [
        (-14, Cause::Errno(xen_abi::Errno(14))),
        (-5000, Cause::Unexpected(-5000)),
        (1, Cause::Unexpected(1)),
    ] {
        let xen = Xen::new(move |argument: &mut [u8]| {
            argument[8] = 77;
            result
        });
        let error = confuse(&xen, 0, 1, 2, 3).unwrap_err();
        assert_eq!((error.operation(), error.cause()), ("DEMOOP_confuse", cause));
    }
}
