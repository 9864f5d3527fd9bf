//! Why an operation did not succeed.

use core::fmt;

use xen_abi::{Errno, GrantStatus};

/// An operation that did not succeed: which, and why.
///
/// ```
/// use xen_ops::hypercall::Error;
///
/// let error = Error::from_result("GNTTABOP_copy", -14);
/// assert_eq!(error.to_string(), "GNTTABOP_copy: bad address (EFAULT)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    operation: &'static str,
    cause: Cause,
}

/// What the hypervisor answered instead of success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The hypercall's result was an error number.
    Errno(Errno),
    /// The operation's argument has a status that is not okay.
    Status(GrantStatus),
    /// The hypercall's result is neither success nor an error number.
    Unexpected(isize),
}

impl Error {
    /// The error of `operation` from a hypercall's result.
    #[must_use]
    pub const fn from_result(operation: &'static str, result: isize) -> Self {
        let cause = match Errno::from_result(result) {
            Some(errno) => Cause::Errno(errno),
            None => Cause::Unexpected(result),
        };
        Self { operation, cause }
    }

    /// The error of `operation` from an error number.
    #[must_use]
    pub const fn from_errno(operation: &'static str, errno: Errno) -> Self {
        Self { operation, cause: Cause::Errno(errno) }
    }

    /// The error of `operation` from a grant status.
    #[must_use]
    pub const fn from_status(operation: &'static str, status: GrantStatus) -> Self {
        Self { operation, cause: Cause::Status(status) }
    }

    /// Upstream's name of the operation, such as `GNTTABOP_copy`.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        self.operation
    }

    /// What the hypervisor answered.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        self.cause
    }

    /// The error number, if the hypercall's result was one.
    #[must_use]
    pub const fn errno(&self) -> Option<Errno> {
        match self.cause {
            Cause::Errno(errno) => Some(errno),
            _ => None,
        }
    }

    /// The grant status, if the error is one.
    #[must_use]
    pub const fn status(&self) -> Option<GrantStatus> {
        match self.cause {
            Cause::Status(status) => Some(status),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.operation)?;
        match self.cause {
            Cause::Errno(errno) => write!(f, "{errno}"),
            Cause::Status(status) => write!(f, "{status}"),
            Cause::Unexpected(result) => write!(f, "unexpected result {result}"),
        }
    }
}

impl core::error::Error for Error {}
