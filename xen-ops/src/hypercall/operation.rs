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

/// An operation of a table of hypercalls, and who may call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The hypercall: one of `__HYPERVISOR_*`.
    pub hypercall: u32,
    /// Upstream's name.
    pub name: &'static str,
    /// The function.
    pub function: &'static str,
    /// Who may call: kinds of guests, and what a domain must be beside that.
    pub callers: &'static [Caller],
}

/// Who may make a hypercall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caller {
    /// PV guests.
    Pv,
    /// HVM and PVH guests.
    Hvm,
    /// Guests on Arm.
    Arm,
    /// A control domain.
    Control,
    /// The hardware domain.
    Hardware,
    /// The device model of the domain that the call names.
    DeviceModel,
    /// The domain that the call names.
    Owner,
}
