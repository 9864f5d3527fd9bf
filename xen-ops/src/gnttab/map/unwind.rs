//! Leaking targets when a panic unwinds through a hypercall.
//!
//! A backend may panic after Xen has changed what is mapped. Then the target is leaked and counted, as
//! for an answer that leaves open what Xen did.

use core::mem::{self, ManuallyDrop};

use super::count_leaked;

/// Calls a closure when it is dropped, unless [`disarm`](Self::disarm) is called first.
pub(super) struct OnUnwind<F: FnMut()>(F);

impl<F: FnMut()> OnUnwind<F> {
    pub(super) const fn new(run: F) -> Self {
        Self(run)
    }

    pub(super) fn disarm(self) {
        mem::forget(self);
    }
}

impl<F: FnMut()> Drop for OnUnwind<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Calls `hypercall` with `value`, a target or what holds one, and returns the value with the result. If
/// the hypercall panics, the value is leaked and counted.
pub(in crate::gnttab) fn leak_on_unwind<T, R>(value: T, hypercall: impl FnOnce(&T) -> R) -> (T, R) {
    let value = ManuallyDrop::new(value);
    let unwinding = OnUnwind::new(count_leaked);
    let result = hypercall(&value);
    unwinding.disarm();
    (ManuallyDrop::into_inner(value), result)
}
