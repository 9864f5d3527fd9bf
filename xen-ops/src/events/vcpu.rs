//! The announcement of events to one vCPU.

use core::mem::offset_of;
use core::sync::atomic::Ordering::{AcqRel, Acquire};

use xen_abi::xen::vcpu_info;

use crate::view::{Field, Place, ReadWrite, View};

/// Where Xen announces events to one vCPU: `evtchn_upcall_pending` of its information.
#[derive(Clone, Copy, Debug)]
pub struct Vcpu<'a> {
    upcall_pending: Place<'a, u8, ReadWrite>,
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    upcall_mask: Place<'a, u8, ReadWrite>,
}

impl<'a> Vcpu<'a> {
    /// The vCPU whose information is at `info` of `page`: of the shared information page, or of the page where
    /// the vCPU has registered it.
    #[must_use]
    pub fn new(page: View<'a, ReadWrite>, info: Field<vcpu_info>) -> Self {
        const INSIDE: &str = "a byte of a structure inside the page";
        let byte = |offset| page.at_offset(info.offset() + offset).expect(INSIDE);
        Self {
            upcall_pending: byte(offset_of!(vcpu_info, evtchn_upcall_pending)),
            #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
            upcall_mask: byte(offset_of!(vcpu_info, evtchn_upcall_mask)),
        }
    }

    /// Whether Xen has announced events since the last walk.
    #[must_use]
    pub fn upcall_pending(&self) -> bool {
        self.upcall_pending.load(Acquire) != 0
    }

    /// Has Xen call the kernel when events are announced, or not (`evtchn_upcall_mask`): for the vCPU itself, in a
    /// PV guest. What was announced while this was true is delivered at the next hypercall's end.
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    pub fn set_upcall_mask(&self, is_masked: bool) {
        // Before and after it the vCPU looks at what upcalls change.
        self.upcall_mask.swap(is_masked.into(), AcqRel);
    }

    /// Before a walk: what Xen announces from here on is seen by the next one.
    pub(super) fn clear_upcall(&self) {
        self.upcall_pending.swap(0, AcqRel);
    }

    /// What Xen does to announce events.
    #[cfg(all(test, not(loom)))]
    pub(super) fn announce(&self) {
        self.upcall_pending.store(1, core::sync::atomic::Ordering::SeqCst);
    }
}
