//! How hypercalls fail inside the model.

use xen_abi::errno::*;
use xen_abi::{Errno, GrantStatus};

/// An address in an argument that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault;

impl From<Fault> for Errno {
    fn from(Fault: Fault) -> Self {
        XEN_EFAULT
    }
}

/// What most hypercalls come to: a value that is not negative, or an error number.
pub(crate) type Answer<T = isize> = Result<T, Errno>;

/// What an element of a batch of grants comes to.
pub(crate) type Granted<T = ()> = Result<T, GrantStatus>;

/// The register value that an answer is.
pub(crate) fn result(answer: Answer) -> isize {
    match answer {
        Ok(value) => value,
        Err(Errno(number)) => -(number as isize),
    }
}
