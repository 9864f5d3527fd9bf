//! Checks that all batches share.

use core::fmt;

use xen_abi::Errno;
use xen_abi::errno::{XEN_EINVAL, XEN_ENOSYS, XEN_EOPNOTSUPP, XEN_EPERM};

use crate::hypercall::Error;

/// A batch that was refused before any hypercall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TooLarge {
    /// There are fewer elements than operations.
    Elements {
        /// How many are needed.
        needed: usize,
        /// How many there are.
        given: usize,
    },
    /// More operations than one hypercall can take: its count is a C `int`.
    Count(usize),
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elements { needed, given } => {
                write!(f, "{needed} operations, but only {given} elements to put them in")
            }
            Self::Count(count) => {
                write!(f, "{count} operations: a hypercall takes {} at most", i32::MAX)
            }
        }
    }
}

impl core::error::Error for TooLarge {}

/// Whether `needed` operations fit into one hypercall and into the `given` elements.
pub(crate) fn fits(needed: usize, given: usize) -> Result<(), TooLarge> {
    if i32::try_from(needed).is_err() {
        Err(TooLarge::Count(needed))
    } else if needed > given {
        Err(TooLarge::Elements { needed, given })
    } else {
        Ok(())
    }
}

/// Whether a failed hypercall may have done the first element that has no answer: Xen does an element
/// and then writes its answer, which may be what failed. Not so for errors that Xen returns before the
/// first element.
pub(crate) fn may_have_begun(error: Error) -> bool {
    const BEFORE: [Option<Errno>; 4] =
        [Some(XEN_EPERM), Some(XEN_EINVAL), Some(XEN_ENOSYS), Some(XEN_EOPNOTSUPP)];
    !BEFORE.contains(&error.errno())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_operations_than_an_int_counts_are_refused() {
        let most = i32::MAX as usize;
        assert_eq!(fits(most, most), Ok(()));
        assert_eq!(fits(most + 1, usize::MAX), Err(TooLarge::Count(most + 1)));
        assert_eq!(fits(2, 1), Err(TooLarge::Elements { needed: 2, given: 1 }));
    }
}
