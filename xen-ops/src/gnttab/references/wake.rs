//! Who waits for references: a few wakers.

#![allow(unsafe_code, reason = "a waker in a cell, guarded by an atomic state")]

use core::fmt;
use core::slice;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use core::task::Waker;

use super::sync::{AtomicBool, AtomicU8, UnsafeCell, const_but_for_loom};

/// How many can wait at a time.
pub(crate) const WAITERS: usize = if cfg!(loom) { 1 } else { 8 };

/// Nobody touches the waker.
const IDLE: u8 = 0;
/// The waiter puts one in.
const REGISTERING: u8 = 1;
/// Someone takes it out.
const WAKING: u8 = 2;

/// Those who wait for references.
pub struct Waiters([Slot; WAITERS]);

/// Room for one who waits.
struct Slot {
    claimed: AtomicBool,
    state: AtomicU8,
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: the waker, itself Send and Sync, is touched by who has moved the state away from IDLE.
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

    /// Takes the waker out, unless someone else is doing so or the waiter is putting one in: then
    /// they see that it was to be woken.
    fn take(&self) -> Option<Waker> {
        if self.state.fetch_or(WAKING, AcqRel) != IDLE {
            return None;
        }
        // SAFETY: the state was IDLE, so until it is again the waker is ours.
        let waker = self.waker.with_mut(|waker| unsafe { (*waker).take() });
        self.state.fetch_and(!WAKING, Release);
        waker
    }

    /// Puts the waker in. Only the waiter that has claimed the slot does so.
    fn register(&self, waker: &Waker) {
        // Cloned before the slot is touched: that is the caller's code, which may panic.
        let waker = waker.clone();
        if self.state.compare_exchange(IDLE, REGISTERING, Acquire, Acquire).is_err() {
            // Being woken at this moment: with the waker of before, so wake this one too.
            waker.wake();
            return;
        }
        // SAFETY: the state was IDLE, so until it is again the waker is ours.
        let before = self.waker.with_mut(|old| unsafe { (*old).replace(waker) });
        if self.state.compare_exchange(REGISTERING, IDLE, AcqRel, Acquire).is_err() {
            // Woken meanwhile.
            // SAFETY: WAKING was added to REGISTERING, which leaves the waker ours.
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

    /// Room for one more, unless all is taken. To be given back with [`leave`](Self::leave).
    pub fn join(&self) -> Option<usize> {
        self.0
            .iter()
            .position(|slot| slot.claimed.compare_exchange(false, true, Acquire, Acquire).is_ok())
    }

    /// Wakes `waker` at the next [`wake`](Self::wake). The room must be the caller's.
    pub fn register(&self, room: usize, waker: &Waker) {
        if let Some(slot) = self.0.get(room) {
            slot.register(waker);
        }
    }

    /// Gives the room back, and forgets its waker.
    pub fn leave(&self, room: usize) {
        if let Some(slot) = self.0.get(room) {
            let waker = slot.take();
            slot.claimed.store(false, Release);
            drop(waker);
        }
    }

    /// Wakes all that wait, once. If a waker panics, the others are woken all the same.
    pub fn wake(&self) {
        Waking(self.0.iter()).run();
    }
}

/// Slots whose wakers are still to be woken.
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
