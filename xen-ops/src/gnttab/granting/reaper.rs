//! The reaper: grants that were dropped while the peer still used them.

#![allow(unsafe_code, reason = "pages in cells, guarded by an atomic state")]

use core::fmt;
use core::mem::MaybeUninit;
use core::sync::atomic::Ordering::{Relaxed, Release};

use crate::gnttab::references::Orders;
use crate::gnttab::references::{AtomicU32, AtomicUsize, UnsafeCell, const_but_for_loom};

/// Nothing is in the slot.
const EMPTY: u32 = 0;
/// A thread fills, tries or empties the slot.
const HELD: u32 = 1;
// Any other state is the reference in the slot. It is not one of these two: the first 8 references
// are never granted.

/// Storage for one grant that was dropped while the peer still used it.
///
/// Dropping a slot does not drop the page in it, which the peer still uses.
pub struct ReaperSlot<P> {
    state: AtomicU32,
    page: UnsafeCell<MaybeUninit<Option<P>>>,
}

// SAFETY: only the thread that has set the state to HELD accesses the page, which moves between threads.
unsafe impl<P: Send> Sync for ReaperSlot<P> {}

impl<P> ReaperSlot<P> {
    const_but_for_loom! {
        /// An empty slot.
        #[must_use]
        pub fn new() -> Self {
            Self { state: AtomicU32::new(EMPTY), page: UnsafeCell::new(MaybeUninit::uninit()) }
        }
    }

    /// Sets the state to `HELD` if it is `state`.
    fn hold<O: Orders>(&self, state: u32) -> bool {
        self.state.compare_exchange(state, HELD, O::HOLD, Relaxed).is_ok()
    }
}

impl<P> Default for ReaperSlot<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P> fmt::Debug for ReaperSlot<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReaperSlot").field(&self.state.load(Relaxed)).finish()
    }
}

/// Result of one run of the reaper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reaped {
    /// Grants that were ended: references freed, pages dropped.
    pub freed: usize,
    /// Grants that the peer still uses, of those that were tried.
    pub still_busy: usize,
}

/// Counts of grants that were dropped while the peer still used them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReaperCounts {
    /// Grants that wait for the reaper now.
    pub waiting: usize,
    /// Grants that ever had to wait.
    pub total: usize,
    /// Grants that the reaper has ended.
    pub reclaimed: usize,
    /// Grants for which there was no slot. Their references and pages are never used again.
    pub leaked: usize,
}

/// Grants that wait until the peer no longer uses them.
pub struct Reaper<'s, P> {
    slots: &'s [ReaperSlot<P>],
    /// Index of the slot to try next.
    next: AtomicUsize,
    total: AtomicUsize,
    reclaimed: AtomicUsize,
    leaked: AtomicUsize,
}

impl<'s, P> Reaper<'s, P> {
    const_but_for_loom! {
        /// A reaper for as many grants as there are slots.
        #[must_use]
        pub fn new(slots: &'s [ReaperSlot<P>]) -> Self {
            Self {
                slots,
                next: AtomicUsize::new(0),
                total: AtomicUsize::new(0),
                reclaimed: AtomicUsize::new(0),
                leaked: AtomicUsize::new(0),
            }
        }
    }

    /// Keeps a reference that is in use, and its page. If no slot is empty, both are leaked.
    #[cold]
    pub fn defer<O: Orders>(&self, reference: u32, page: Option<P>) {
        let Some(slot) = self.slots.iter().find(|slot| slot.hold::<O>(EMPTY)) else {
            core::mem::forget(page);
            self.leak();
            return;
        };
        slot.page.with_mut(|place| {
            // SAFETY: this thread holds the slot, which is empty.
            unsafe { (*place).write(page) };
        });
        self.total.fetch_add(1, Relaxed);
        slot.state.store(reference, O::DEFER);
    }

    /// Counts a reference that is never used again.
    pub fn leak(&self) {
        self.leaked.fetch_add(1, Relaxed);
    }

    /// Tries to end up to `limit` of the grants, in turn. `end` returns whether it has ended the grant of a
    /// reference; then the reference is passed to `free`, and the page is dropped.
    pub fn reap<O: Orders>(
        &self,
        limit: usize,
        mut end: impl FnMut(u32) -> bool,
        mut free: impl FnMut(u32),
    ) -> Reaped {
        let mut reaped = Reaped::default();
        for _ in 0..self.slots.len() {
            if reaped.freed + reaped.still_busy >= limit {
                break;
            }
            let next = self.next.fetch_add(1, Relaxed);
            let Some(slot) = next.checked_rem(self.slots.len()).and_then(|at| self.slots.get(at))
            else {
                break;
            };
            let reference = slot.state.load(Relaxed);
            if matches!(reference, EMPTY | HELD) || !slot.hold::<O>(reference) {
                continue;
            }
            if !end(reference) {
                slot.state.store(reference, O::DEFER);
                reaped.still_busy += 1;
                continue;
            }
            let page = slot.page.with_mut(|page| {
                // SAFETY: this thread holds the slot, which is full and becomes empty below.
                unsafe { (*page).assume_init_read() }
            });
            slot.state.store(EMPTY, Release);
            self.reclaimed.fetch_add(1, Relaxed);
            reaped.freed += 1;
            free(reference);
            drop(page);
        }
        reaped
    }

    /// The counters.
    pub fn deferred(&self) -> ReaperCounts {
        let reclaimed = self.reclaimed.load(Relaxed);
        let total = self.total.load(Relaxed);
        ReaperCounts {
            waiting: total.saturating_sub(reclaimed),
            total,
            reclaimed,
            leaked: self.leaked.load(Relaxed),
        }
    }
}

impl<P> fmt::Debug for Reaper<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.deferred().fmt(f)
    }
}
