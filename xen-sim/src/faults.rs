//! Faults on demand: what a test wants to go wrong.

use std::ops::Range;

use xen_abi::GrantStatus;

use crate::machine::Machine;
use xen_abi::xen::domid_t;

/// Things to go wrong in hypercalls of one domain; [`Domain::faults`](crate::Domain::faults) gives it.
///
/// Each method asks for something to go wrong a number of times, next time it can: times add up, and
/// all kinds can be asked for at once. [`clear`](Self::clear) takes back what has not happened.
#[derive(Clone, Copy, Debug)]
pub struct Faults<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) domain: domid_t,
}

/// What is still to go wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    eagain: u32,
    no_space: u32,
    no_memory: u32,
    lost_claims: u32,
    busy: u32,
    copying: u32,
    vnuma: u32,
    acquire: Option<u32>,
    unreadable: Vec<u32>,
    unwritable: Vec<u32>,
    statuses: Vec<(u32, GrantStatus)>,
    absent: Vec<Range<usize>>,
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
        if let Some(domain) = self.machine.lock().domains.get_mut(&self.domain.0) {
            change(&mut domain.faults);
        }
    }
}

fn once(counter: &mut u32) -> bool {
    let there = *counter > 0;
    *counter = counter.saturating_sub(1);
    there
}

fn at(list: &mut Vec<u32>, element: u32) -> bool {
    let found = list.iter().position(|wanted| *wanted == element);
    found.map(|at| list.remove(at)).is_some()
}

impl Pending {
    pub(crate) fn take_eagain(&mut self) -> bool {
        once(&mut self.eagain)
    }

    pub(crate) fn take_no_space(&mut self) -> bool {
        once(&mut self.no_space)
    }

    pub(crate) fn take_no_memory(&mut self) -> bool {
        once(&mut self.no_memory)
    }

    pub(crate) fn take_lost_claim(&mut self) -> bool {
        once(&mut self.lost_claims)
    }

    pub(crate) fn take_busy(&mut self) -> bool {
        once(&mut self.busy)
    }

    pub(crate) fn take_copying(&mut self) -> bool {
        once(&mut self.copying)
    }

    pub(crate) fn take_vnuma(&mut self) -> bool {
        once(&mut self.vnuma)
    }

    pub(crate) fn take_acquire(&mut self, done: u32) -> bool {
        self.acquire.take_if(|after| *after == done).is_some()
    }

    pub(crate) fn take_unreadable(&mut self, element: u32) -> bool {
        at(&mut self.unreadable, element)
    }

    pub(crate) fn take_unwritable(&mut self, element: u32) -> bool {
        at(&mut self.unwritable, element)
    }

    pub(crate) fn take_status(&mut self, element: u32) -> Option<GrantStatus> {
        let found = self.statuses.iter().position(|(wanted, _)| *wanted == element)?;
        Some(self.statuses.remove(found).1)
    }

    /// Whether `length` bytes at `address` are there, as far as anybody said.
    pub(crate) fn present(&self, address: usize, length: usize) -> bool {
        match address.checked_add(length) {
            Some(end) => !self.absent.iter().any(|gone| gone.start < end && address < gone.end),
            None => false,
        }
    }
}
