//! Faults on demand: what a test wants to go wrong.

use std::ops::Range;

use xen_abi::GrantStatus;
use xen_abi::xen::domid_t;

use crate::machine::Machine;
use crate::state::faults::Pending;

/// Things to go wrong in hypercalls of one domain; [`Domain::faults`](crate::Domain::faults) gives it.
///
/// Each method asks for something to go wrong a number of times, next time it can: times add up, and
/// all kinds can be asked for at once. [`clear`](Self::clear) takes back what has not happened.
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

    /// The next `times` maps find no free handle: `GNTST_no_space`, or `GNTST_no_device_space` before
    /// Xen 4.16.
    pub fn no_space(&self, times: u32) {
        self.with(|pending| pending.no_space = pending.no_space.saturating_add(times));
    }

    /// The next `times` allocations of memory fail: growth of the grant table, a change of its
    /// version, population.
    pub fn no_memory(&self, times: u32) {
        self.with(|pending| pending.no_memory = pending.no_memory.saturating_add(times));
    }

    /// The next `times` compare-and-swaps on version 1 entries are lost, as to a guest that changes
    /// the entry. Xen gives up after five: `GNTST_general_error`.
    pub fn lose_claims(&self, times: u32) {
        self.with(|pending| pending.lost_claims = pending.lost_claims.saturating_add(times));
    }

    /// The next `times` operations that can be answered with `-EBUSY` are.
    pub fn busy(&self, times: u32) {
        self.with(|pending| pending.busy = pending.busy.saturating_add(times));
    }

    /// The next `times` changes from version 2 to version 1 find a copy in progress, from a sub-page or
    /// transitive entry: `-EAGAIN`.
    pub fn copying(&self, times: u32) {
        self.with(|pending| pending.copying = pending.copying.saturating_add(times));
    }

    /// The virtual NUMA layout changes during the next `times` questions for it: `-EAGAIN`.
    pub fn vnuma_changes(&self, times: u32) {
        self.with(|pending| pending.vnuma = pending.vnuma.saturating_add(times));
    }

    /// The next `XENMEM_acquire_resource` of a translated domain fails behind `frames` frames: `-EIO`,
    /// and those stay mapped. With 0 it fails at the first, with `-ENOMEM` and nothing mapped.
    pub fn acquire_fails_after(&self, frames: u32) {
        self.with(|pending| pending.acquire = Some(frames));
    }

    /// Element `element` of the next batch long enough cannot be read: `-EFAULT`, and nothing is done
    /// for it or those behind it.
    pub fn unreadable(&self, element: u32) {
        self.with(|pending| pending.unreadable.push(element));
    }

    /// Element `element` of the next batch long enough cannot be written: `-EFAULT` after it was done,
    /// with the guest left to guess.
    pub fn unwritable(&self, element: u32) {
        self.with(|pending| pending.unwritable.push(element));
    }

    /// Element `element` of the next batch of grants long enough is answered with `status` and not
    /// done, whatever the status says. Positive ones are what Xen once gave by mistake.
    pub fn status(&self, element: u32, status: GrantStatus) {
        self.with(|pending| pending.statuses.push((element, status)));
    }

    /// The addresses in `range` are not there: hypercalls that read or write them give `-EFAULT`,
    /// until [`clear`](Self::clear). The model cannot find out by itself that an address is wild.
    pub fn absent(&self, range: Range<usize>) {
        self.with(|pending| pending.absent.push(range));
    }

    /// Nothing is to go wrong any more.
    pub fn clear(&self) {
        self.with(|pending| *pending = Pending::default());
    }

    fn with(&self, change: impl FnOnce(&mut Pending)) {
        if let Some(domain) = self.machine.lock().domains.get_mut(&self.domid.0) {
            change(&mut domain.faults);
        }
    }
}
