//! The hypercall behind every operation here.

use xen_abi::Plain;
use xen_abi::xen::__HYPERVISOR_memory_op;

use crate::hypercall::Hypercall;

/// Makes `operation` of `__HYPERVISOR_memory_op`. What Xen writes into `argument` is there afterwards
/// whatever the result is.
///
/// # Safety
///
/// `argument` is of the type that the operation has, its handles are good for what Xen does with
/// them, and no effect of the operation breaks a promise that Rust code relies on.
#[allow(unsafe_code, reason = "passes on the caller's promise")]
#[inline]
pub(super) unsafe fn call<H, T>(xen: &H, operation: u32, argument: &mut T) -> isize
where
    H: Hypercall + ?Sized,
    T: Plain,
{
    let address = core::ptr::from_mut(argument).expose_provenance();
    // SAFETY: the caller's promise; the argument is borrowed for as long as the call.
    unsafe { xen.call2(__HYPERVISOR_memory_op, [operation as usize, address]) }
}
