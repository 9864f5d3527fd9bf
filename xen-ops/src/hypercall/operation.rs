//! What typed operations have in common: the states of their arguments, and how results are read.

use xen_abi::GrantStatus;

use super::Error;

/// State of an operation's argument that has not been handed to the hypervisor: only what goes in
/// can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {}

/// State of an operation's argument that the hypervisor has had: what came out can be read too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {}

/// The status in a request: none that Xen has. Where it is still there after the call, Xen has not
/// looked at the element.
pub const UNTOUCHED: GrantStatus = GrantStatus(i16::MIN);

/// What became of a batch: the hypercall's own result, and the elements with their statuses.
///
/// A failed hypercall may have done some elements before it failed: theirs is a status of Xen's, the
/// others still say [`UNTOUCHED`].
#[derive(Debug)]
#[must_use = "a batch can succeed as a whole and fail in each element"]
pub struct Batch<'a, T> {
    /// Whether the hypervisor went through all elements.
    pub result: Result<(), Error>,
    /// The elements, in the caller's order.
    pub elements: &'a mut [T],
}

/// Result of a call whose convention is `errno`: 0 or an error number.
#[inline]
pub fn errno(operation: &'static str, result: isize) -> Result<(), Error> {
    if result == 0 { Ok(()) } else { Err(Error::from_result(operation, result)) }
}

/// Result of a single call that leaves a grant status in its argument.
#[inline]
pub fn status(operation: &'static str, result: isize, status: GrantStatus) -> Result<(), Error> {
    errno(operation, result)?;
    if status.is_okay() { Ok(()) } else { Err(Error::from_status(operation, status)) }
}

/// Result of a call that returns how many of `asked` elements were done, and never an error number
/// for a failure of one.
#[inline]
pub fn count(operation: &'static str, result: isize, asked: usize) -> Result<usize, Error> {
    match usize::try_from(result) {
        Ok(done) if done <= asked => Ok(done),
        _ => Err(Error::from_result(operation, result)),
    }
}

/// Result of a call that returns a value that is not negative, or an error number.
#[inline]
pub fn value(operation: &'static str, result: isize) -> Result<usize, Error> {
    usize::try_from(result).map_err(|_| Error::from_result(operation, result))
}
