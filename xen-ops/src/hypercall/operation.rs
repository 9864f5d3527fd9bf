//! What typed operations have in common: the states of their arguments.

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
