//! What typed operations have in common: the states of their arguments.

use xen_abi::GrantStatus;

use super::Error;

/// The state of an operation's argument before the hypercall: only its inputs can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {}

/// The state of an operation's argument after the hypercall: its outputs can be read too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {}

/// The status in a request, which Xen never writes. An element that still has it after the call was not
/// reached.
pub const UNTOUCHED: GrantStatus = GrantStatus(i16::MIN);

/// The results of a batch: that of the hypercall, and the elements with their statuses.
///
/// A hypercall that fails may have done some elements before: those have a status of Xen's, the others
/// have [`UNTOUCHED`].
#[derive(Debug)]
#[must_use = "a batch can succeed as a whole and fail in each element"]
pub struct Batch<'a, T> {
    /// Whether the hypervisor went through all elements.
    pub result: Result<(), Error>,
    /// The elements, in the caller's order.
    pub elements: &'a mut [T],
}
