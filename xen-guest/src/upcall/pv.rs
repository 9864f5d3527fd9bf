//! The callback of a PV guest.

use xen_abi::callback::{CALLBACKTYPE_event, CallbackFlags};
use xen_ops::events::TwoLevel;
use xen_ops::hypercall::{Error, callback_op, sched_op, xen_version};

use super::entry;
use crate::Guest;
use crate::backend::Backend;

/// # Safety
///
/// As [`Upcalls::install`](super::Upcalls::install).
pub(super) unsafe fn install(
    guest: &Guest,
    vcpu: u32,
    events: &TwoLevel<'static>,
) -> Result<(), Error> {
    events.vcpu().set_upcall_mask(true);
    // SAFETY: it is the entry of this vCPU.
    unsafe {
        callback_op::register(
            &guest.xen(),
            CALLBACKTYPE_event as u16,
            CallbackFlags::empty(),
            entry::pv(vcpu),
        )
    }
}

/// Lets upcalls come; Xen delivers one that is pending when the hypercall ends.
pub(super) fn enable(xen: &Backend, events: &TwoLevel<'static>) {
    events.vcpu().set_upcall_mask(false);
    if events.upcall_pending() {
        // Any hypercall would do. This one does not fail.
        let _ = xen_version::version(xen);
    }
}

/// Sleeps until there is an upcall, with upcalls masked before and afterwards, and takes it.
pub(super) fn sleep(xen: &Backend, events: &TwoLevel<'static>) {
    // SAFETY: Xen unmasks upcalls, whose callback is registered. It does not let the vCPU sleep if one is pending.
    let _ = unsafe { sched_op::block(xen) };
    events.vcpu().set_upcall_mask(true);
}
