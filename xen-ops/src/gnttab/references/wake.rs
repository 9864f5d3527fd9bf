//! The wakers of waiters for references.

#![allow(unsafe_code, reason = "a waker in a cell, guarded by an atomic state")]

use core::fmt;
use core::slice;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::task::Waker;

use super::sync::{AtomicBool, AtomicU8, UnsafeCell, const_but_for_loom};

/// How many waiters there can be.
pub(crate) const WAITERS: usize = if cfg!(loom) { 1 } else { 8 };

/// No thread accesses the waker.
const IDLE: u8 = 0;
/// The waiter stores its waker.
const REGISTERING: u8 = 1;
/// A thread takes the waker out to wake it.
const WAKING: u8 = 2;

/// The waiters for references.
pub struct Waiters([Slot; WAITERS]);

/// The place of one waiter.
struct Slot {
    claimed: AtomicBool,
    state: AtomicU8,
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: only the thread that has moved the state from IDLE accesses the waker, which is Send and Sync.
unsafe impl Sync for Slot {}

impl Slot {
    const_but_for_loom! {
        fn new() -> Self {
            Self {
                claimed: AtomicBool::new(false),
                state: AtomicU8::new(IDLE),
                waker: UnsafeCell::new(None),
            }
        }
    }

    /// Takes the waker out, unless another thread is doing so or the waiter is storing one: that thread
    /// sees `WAKING` and wakes it.
    fn take(&self) -> Option<Waker> {
        // Acquire: the waker was stored before. Release, which loom cannot show: a waiter that reads WAKING
        // wakes itself and then counts the references that were freed before this.
        if self.state.fetch_or(WAKING, AcqRel) != IDLE {
            return None;
        }
        // SAFETY: the state was IDLE, so until it is again only this thread accesses the waker.
        let waker = self.waker.with_mut(|waker| unsafe { (*waker).take() });
        self.state.fetch_and(!WAKING, Release);
        waker
    }

    /// Stores the waker. Only the waiter that has claimed the slot calls this.
    fn register(&self, waker: &Waker) {
        // Cloned before the slot is changed: that is the user's code, which may panic.
        let waker = waker.clone();
        if self.state.compare_exchange(IDLE, REGISTERING, Acquire, Acquire).is_err() {
            // The previous waker is being woken at this moment, so wake this one too.
            waker.wake();
            return;
        }
        // SAFETY: the state was IDLE, so until it is again only this thread accesses the waker.
        let before = self.waker.with_mut(|old| unsafe { (*old).replace(waker) });
        // Both failures and the swap acquire, which loom cannot show, because of the release in `take`.
        if self.state.compare_exchange(REGISTERING, IDLE, Release, Acquire).is_err() {
            // A thread has tried to wake it meanwhile.
            // SAFETY: WAKING was added to REGISTERING, so still only this thread accesses the waker.
            let waker = self.waker.with_mut(|waker| unsafe { (*waker).take() });
            self.state.swap(IDLE, AcqRel);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
        drop(before);
    }
}

impl Waiters {
    const_but_for_loom! {
        pub(crate) fn new() -> Self {
            #[cfg(not(loom))]
            return Self([const { Slot::new() }; WAITERS]);
            #[cfg(loom)]
            return Self(core::array::from_fn(|_| Slot::new()));
        }
    }

    /// Claims a slot, if one is unclaimed. [`leave`](Self::leave) returns it.
    pub fn join(&self) -> Option<usize> {
        self.0
            .iter()
            .position(|slot| slot.claimed.compare_exchange(false, true, Acquire, Relaxed).is_ok())
    }

    /// Wakes `waker` at the next [`wake`](Self::wake). The caller must have claimed the slot.
    pub fn register(&self, slot: usize, waker: &Waker) {
        if let Some(slot) = self.0.get(slot) {
            slot.register(waker);
        }
    }

    /// Returns the slot, and drops its waker.
    pub fn leave(&self, slot: usize) {
        if let Some(slot) = self.0.get(slot) {
            let waker = slot.take();
            // Release and acquire, which loom cannot show: `take` must not take effect after the next
            // waiter has registered, whose waker it would remove.
            slot.claimed.store(false, Release);
            drop(waker);
        }
    }

    /// Wakes all registered wakers, once. If one panics, the others are woken while it unwinds.
    pub fn wake(&self) {
        Waking(self.0.iter()).run();
    }
}

/// Slots whose wakers have not been woken yet.
struct Waking<'w>(slice::Iter<'w, Slot>);

impl Waking<'_> {
    fn run(&mut self) {
        for slot in self.0.by_ref() {
            if let Some(waker) = slot.take() {
                waker.wake();
            }
        }
    }
}

impl Drop for Waking<'_> {
    fn drop(&mut self) {
        self.run();
    }
}

impl fmt::Debug for Waiters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiters")
    }
}
