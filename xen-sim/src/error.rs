//! How hypercalls fail inside the simulator.

use xen_abi::errno::*;
use xen_abi::{Errno, GrantStatus};

/// An address in an argument that cannot be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault;

impl From<Fault> for Errno {
    fn from(Fault: Fault) -> Self {
        XEN_EFAULT
    }
}

/// What most hypercalls return: a value that is not negative, or an error number.
pub(crate) type Answer<T = isize> = Result<T, Errno>;

/// The outcome of an element in a batch of grant operations.
pub(crate) type Granted<T = ()> = Result<T, GrantStatus>;

/// The value that an answer has in a register.
pub(crate) fn result(answer: Answer) -> isize {
    match answer {
        Ok(value) => value,
        Err(Errno(number)) => -(number as isize),
    }
}
