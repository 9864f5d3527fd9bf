//! Fault injection.

use std::ops::Range;

use xen_abi::GrantStatus;
use xen_abi::xen::domid_t;

use crate::machine::Machine;
use crate::state::faults::Pending;

/// Injects faults into hypercalls of one domain; [`Domain::faults`](crate::Domain::faults) returns
/// it.
///
/// Each method requests a kind of fault. Requests of one kind add up, and several kinds can be
/// requested at once. [`clear`](Self::clear) cancels what has not happened.
///
/// ```
/// use xen_sim::{DomainConfig, GuestKind, TableError, TableMemory, Xen};
///
/// let xen = Xen::new();
/// let guest = xen.domain(DomainConfig::new(GuestKind::Pvh)).unwrap();
/// guest.faults().busy(1);
/// let mut memory = TableMemory::new(64, 16);
/// let refused = guest.grant_table(&mut memory, Default::default()).err();
/// assert!(matches!(refused, Some(TableError::Start(_))));
/// assert!(guest.grant_table(&mut memory, Default::default()).is_ok());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Faults<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) domid: domid_t,
}

impl Faults<'_> {
    /// The next `times` frames that a grant or a local copy names are paged out: `GNTST_eagain`.
    pub fn eagain(&self, times: u32) {
        self.with(|pending| pending.eagain = pending.eagain.saturating_add(times));
    }

    /// The next `times` maps find no free maptrack handle: `GNTST_no_space`, or
    /// `GNTST_no_device_space` before Xen 4.16.
    pub fn no_space(&self, times: u32) {
        self.with(|pending| pending.no_space = pending.no_space.saturating_add(times));
    }

    /// The next `times` allocations of memory fail: growth of the grant table, a change of its
    /// version, population of memory.
    pub fn no_memory(&self, times: u32) {
        self.with(|pending| pending.no_memory = pending.no_memory.saturating_add(times));
    }

    /// The next `times` compare-and-swaps on version 1 entries fail, as if the guest changed the
    /// entry. Xen gives up after five: `GNTST_general_error`.
    pub fn lose_claims(&self, times: u32) {
        self.with(|pending| pending.lost_claims = pending.lost_claims.saturating_add(times));
    }

    /// The next `times` operations that can return `-EBUSY` do.
    pub fn busy(&self, times: u32) {
        self.with(|pending| pending.busy = pending.busy.saturating_add(times));
    }

    /// The next `times` changes from version 2 to version 1 find a copy in progress from a sub-page
    /// or transitive entry: `-EAGAIN`.
    pub fn copying(&self, times: u32) {
        self.with(|pending| pending.copying = pending.copying.saturating_add(times));
    }

    /// The virtual NUMA topology changes during the next `times` `XENMEM_get_vnumainfo`: `-EAGAIN`.
    pub fn vnuma_changes(&self, times: u32) {
        self.with(|pending| pending.vnuma = pending.vnuma.saturating_add(times));
    }

    /// The next `XENMEM_acquire_resource` of a translated domain fails after `frames` frames:
    /// `-EIO`, and those stay mapped. With 0 it fails at the first: `-ENOMEM`, and nothing is
    /// mapped.
    pub fn acquire_fails_after(&self, frames: u32) {
        self.with(|pending| pending.acquire = Some(frames));
    }

    /// The next hypercall that executes more elements than `elements` is interrupted after so many,
    /// one at least, and continued: others may run, then Xen reads the arguments again and
    /// executes the remaining elements. The caller sees one hypercall.
    /// [`Xen::on_continuation`](crate::Xen::on_continuation) runs in between.
    ///
    /// Elements are those of a batch of grant operations, extents, frames of a physical address
    /// space, and strides of 32 frames of a resource.
    pub fn interrupt_after(&self, elements: u32) {
        self.with(|pending| pending.interrupt = Some(elements));
    }

    /// Element `element` of the next batch that has one cannot be read: `-EFAULT`, and neither it
    /// nor any later element is executed.
    pub fn unreadable(&self, element: u32) {
        self.with(|pending| pending.unreadable.push(element));
    }

    /// Element `element` of the next batch that has one cannot be written: `-EFAULT` after it was
    /// executed, so that the guest does not learn its status.
    pub fn unwritable(&self, element: u32) {
        self.with(|pending| pending.unwritable.push(element));
    }

    /// Element `element` of the next batch of grant operations that has one gets `status`, and is
    /// not executed. Positive statuses are possible: Xen returned some by mistake (XSA-316).
    pub fn status(&self, element: u32, status: GrantStatus) {
        self.with(|pending| pending.statuses.push((element, status)));
    }

    /// The addresses in `range`, in bytes, are absent until [`clear`](Self::clear): hypercalls that
    /// read or write them return `-EFAULT`. The simulator cannot detect invalid addresses by
    /// itself.
    pub fn absent(&self, range: Range<usize>) {
        self.with(|pending| pending.absent.push(range));
    }

    /// Cancels all faults that have not happened.
    pub fn clear(&self) {
        self.with(|pending| *pending = Pending::default());
    }

    fn with(&self, change: impl FnOnce(&mut Pending)) {
        if let Some(domain) = self.machine.lock().domains.get_mut(&self.domid.0) {
            change(&mut domain.faults);
        }
    }
}
