//! Why a call was not made, or did not succeed.

use core::fmt;

use xen_abi::Errno;
use xen_ops::{Failed, hypercall};

use crate::Release;

/// Why a call was not made, or did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The hypervisor refused the hypercall.
    Hypercall(hypercall::Error),
    /// The release does not have this. Nothing was changed.
    Lacks {
        /// The release that is running.
        release: Release,
        /// What it lacks: an operation, a flag or a member.
        what: &'static str,
    },
    /// The hypervisor answered what no hypervisor should: a count beyond the buffer, for example.
    Malformed {
        /// Upstream's name of the operation.
        operation: &'static str,
        /// What is wrong with the answer.
        what: &'static str,
    },
    /// The caller's argument cannot be passed on: a list longer than Xen can count.
    Argument {
        /// Upstream's name of the operation.
        operation: &'static str,
        /// What is wrong with the argument.
        what: &'static str,
    },
}

impl Error {
    /// The hypervisor's error number, if that is the reason.
    #[must_use]
    pub const fn errno(&self) -> Option<Errno> {
        match self {
            Self::Hypercall(error) => error.errno(),
            _ => None,
        }
    }
}

impl From<hypercall::Error> for Error {
    fn from(error: hypercall::Error) -> Self {
        Self::Hypercall(error)
    }
}

/// Drops what is returned.
impl<T> From<Failed<Self, T>> for Error {
    fn from(failed: Failed<Self, T>) -> Self {
        failed.error
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hypercall(error) => write!(f, "{error}"),
            Self::Lacks { release, what } => write!(f, "{what}: Xen {release} does not have it"),
            Self::Malformed { operation, what } => {
                write!(f, "{operation}: the hypervisor's answer is wrong: {what}")
            }
            Self::Argument { operation, what } => write!(f, "{operation}: {what}"),
        }
    }
}

impl core::error::Error for Error {}
