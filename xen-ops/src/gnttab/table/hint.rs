//! The allocation hint of the table itself, for allocations without a per-CPU handle.

use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;

use crate::gnttab::references::AllocHint;

/// A hint that all CPUs share. A lost update only makes a search longer.
pub(super) struct SharedHint(AtomicUsize);

impl SharedHint {
    pub(super) const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Calls `f` with the hint. It is stored only if it changed, so that CPUs do not contend for its cache
    /// line.
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
