//! What came of a hypercall, in a word or two: the same words on every machine.

use core::fmt;

use xen_abi::grant_table::GNTST_bad_domain;
use xen_abi::{Errno, GrantStatus};
use xen_ops::hypercall::{Cause, Error, UNTOUCHED};

/// What a hypercall returned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Returned(pub(crate) isize);

impl fmt::Display for Returned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Errno::from_result(self.0).and_then(Errno::name) {
            Some(name) => write!(f, "-{}", name.trim_start_matches("XEN_")),
            None => write!(f, "{}", self.0),
        }
    }
}

/// Success, or the name of what was answered instead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome(Result<(), Cause>);

impl Outcome {
    /// What came of an operation, without its value.
    pub(crate) fn of<T>(result: &Result<T, Error>) -> Self {
        Self(match result {
            Ok(_) => Ok(()),
            Err(error) => Err(error.cause()),
        })
    }

    /// Whether there was no such domain.
    pub(crate) fn is_bad_domain(self) -> bool {
        self.0.is_err_and(|cause| cause == Cause::Status(GNTST_bad_domain))
    }

    /// Whether it was a success.
    pub(crate) fn is_ok(self) -> bool {
        self.0.is_ok()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(()) => f.write_str("ok"),
            Err(Cause::Errno(errno)) => Returned(-(errno.0 as isize)).fmt(f),
            Err(Cause::Status(status)) => Status(status).fmt(f),
            Err(Cause::Unexpected(result)) => write!(f, "unexpected {result}"),
            Err(_) => f.write_str("unknown"),
        }
    }
}

/// A value, or the name of what was answered instead.
pub(crate) struct Value<T>(pub(crate) Result<T, Error>);

impl<T: fmt::Display> fmt::Display for Value<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(value) => value.fmt(f),
            Err(_) => Outcome::of(&self.0).fmt(f),
        }
    }
}

/// Flags, or a byte.
pub(crate) struct Hex(pub(crate) u16);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A number of 64 bits, likewise.
pub(crate) struct LongHex(pub(crate) u64);

impl fmt::Display for LongHex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// The status of an element that was written by hand.
pub(crate) struct Status(pub(crate) GrantStatus);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.name() {
            _ if self.0 == UNTOUCHED => f.write_str("untouched"),
            Some(name) => f.write_str(name),
            None => write!(f, "status {}", self.0.0),
        }
    }
}
