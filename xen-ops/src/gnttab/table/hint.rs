//! Where allocations look first that come without a per-CPU handle.

use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;

use crate::gnttab::references::AllocHint;

/// A hint that all CPUs share. A lost update costs a longer search and nothing else.
pub(super) struct SharedHint(AtomicUsize);

impl SharedHint {
    pub(super) const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Lets `f` allocate with the hint. It is written only if it changed, so that CPUs which share it
    /// do not take its cache line from each other.
    #[inline]
    pub(super) fn with<T>(&self, f: impl FnOnce(&mut AllocHint) -> T) -> T {
        let before = self.0.load(Relaxed);
        let mut hint = AllocHint::at_word(before);
        let result = f(&mut hint);
        if hint.word() != before {
            self.0.store(hint.word(), Relaxed);
        }
        result
    }
}
