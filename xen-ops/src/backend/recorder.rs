//! A backend that records hypercalls.

use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicIsize, AtomicU32, AtomicUsize};

use xen_abi::Errno;

use crate::hypercall::{BufferDesc, Hypercall};
use crate::page::Owner;

/// Forwards hypercalls to another backend, and records the first `N` of them.
///
/// Threads may share it. It needs no allocator. Hypercalls past the first `N` are forwarded and
/// [counted](Self::made), but not recorded.
///
/// ```
/// # #![allow(unsafe_code)]
/// use xen_ops::backend::{Recorder, Script};
/// use xen_ops::hypercall::Hypercall;
///
/// // SAFETY: nothing here relies on what a hypercall has done.
/// let recorder: Recorder<_, 8> = Recorder::new(unsafe { Script::new(&[0]) });
/// unsafe { recorder.call2(29, [3, 7]) };
///
/// let call = recorder.calls().next().unwrap();
/// assert_eq!((call.number, call.arguments(), call.result), (29, &[3, 7][..], 0));
/// ```
#[derive(Debug)]
pub struct Recorder<H, const N: usize> {
    inner: H,
    made: AtomicUsize,
    slots: [Slot; N],
}

/// A hypercall that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// `__HYPERVISOR_*`.
    pub number: u32,
    /// The backend's answer.
    pub result: isize,
    arguments: [usize; 5],
    count: usize,
}

impl Call {
    /// The arguments that were passed: one to five.
    #[must_use]
    pub fn arguments(&self) -> &[usize] {
        &self.arguments[..self.count]
    }
}

#[derive(Debug)]
struct Slot {
    number: AtomicU32,
    result: AtomicIsize,
    arguments: [AtomicUsize; 5],
    count: AtomicUsize,
    /// Whether the other fields are complete.
    is_answered: AtomicBool,
}

impl Slot {
    const fn new() -> Self {
        Self {
            number: AtomicU32::new(0),
            result: AtomicIsize::new(0),
            arguments: [const { AtomicUsize::new(0) }; 5],
            count: AtomicUsize::new(0),
            is_answered: AtomicBool::new(false),
        }
    }

    /// Called once, by the thread that claimed the slot.
    fn fill(&self, number: u32, arguments: &[usize], result: isize) {
        self.number.store(number, Relaxed);
        self.result.store(result, Relaxed);
        for (slot, &argument) in self.arguments.iter().zip(arguments) {
            slot.store(argument, Relaxed);
        }
        self.count.store(arguments.len(), Relaxed);
        self.is_answered.store(true, Release);
    }

    fn read(&self) -> Option<Call> {
        self.is_answered.load(Acquire).then(|| Call {
            number: self.number.load(Relaxed),
            result: self.result.load(Relaxed),
            arguments: self.arguments.each_ref().map(|argument| argument.load(Relaxed)),
            count: self.count.load(Relaxed),
        })
    }
}

impl<H, const N: usize> Recorder<H, N> {
    /// Records the hypercalls that it forwards to `inner`.
    #[must_use]
    pub const fn new(inner: H) -> Self {
        Self { inner, made: AtomicUsize::new(0), slots: [const { Slot::new() }; N] }
    }

    /// The recorded hypercalls, in the order in which they began. A hypercall that has not returned yet
    /// is left out.
    pub fn calls(&self) -> impl Iterator<Item = Call> + '_ {
        self.slots.iter().take(self.made()).filter_map(Slot::read)
    }

    /// How many hypercalls began, including those past the first `N`.
    #[must_use]
    pub fn made(&self) -> usize {
        self.made.load(Relaxed)
    }

    /// The backend that it forwards to.
    #[must_use]
    pub const fn inner(&self) -> &H {
        &self.inner
    }

    fn record(&self, number: u32, arguments: &[usize], call: impl FnOnce() -> isize) -> isize {
        let slot = self.slots.get(self.made.fetch_add(1, Relaxed));
        let result = call();
        if let Some(slot) = slot {
            slot.fill(number, arguments, result);
        }
        result
    }
}

/// A method of [`Hypercall`] that records, and forwards to the one of the same name.
macro_rules! record {
    ($($name:ident, $count:literal;)*) => {$(
        unsafe fn $name(&self, number: u32, arguments: [usize; $count]) -> isize {
            self.record(number, &arguments, || {
                // SAFETY: the caller's promise.
                unsafe { self.inner.$name(number, arguments) }
            })
        }
    )*};
}

// SAFETY: forwards everything.
#[allow(unsafe_code, reason = "the trait is unsafe to implement")]
unsafe impl<H: Hypercall, const N: usize> Hypercall for Recorder<H, N> {
    record! { call, 5; call1, 1; call2, 2; call3, 3; call4, 4; }

    unsafe fn bounce_in(&self, buffer: BufferDesc) -> Result<usize, Errno> {
        // SAFETY: the caller's promise.
        unsafe { self.inner.bounce_in(buffer) }
    }

    unsafe fn bounce_out(&self, buffer: BufferDesc, bounced: usize) {
        // SAFETY: the caller's promise.
        unsafe { self.inner.bounce_out(buffer, bounced) }
    }

    fn owner(&self) -> Option<Owner> {
        self.inner.owner()
    }
}

#[cfg(test)]
#[allow(unsafe_code, reason = "hypercalls are made")]
mod tests {
    use std::thread;
    use std::vec::Vec;

    use super::*;
    use crate::backend::Script;

    fn nothing() -> Script<'static> {
        // SAFETY: nothing relies on what these hypercalls do.
        unsafe { Script::new(&[]) }
    }

    #[test]
    fn what_passed_no_register_is_no_argument() {
        let recorder: Recorder<_, 5> = Recorder::new(nothing());
        // SAFETY: a script does nothing.
        unsafe {
            recorder.call1(1, [11]);
            recorder.call2(2, [21, 22]);
            recorder.call3(3, [31, 32, 33]);
            recorder.call4(4, [41, 42, 43, 44]);
            recorder.call(5, [51, 52, 53, 54, 55]);
        }
        let calls: Vec<_> = recorder.calls().map(|c| (c.number, c.arguments().to_vec())).collect();
        let expected =
            (1..=5).map(|n| (n as u32, (1..=n).map(|k| n * 10 + k).collect())).collect::<Vec<_>>();
        assert_eq!(calls, expected);
    }

    #[test]
    fn what_does_not_fit_is_answered_and_counted() {
        let recorder: Recorder<_, 1> = Recorder::new(nothing());
        // SAFETY: a script does nothing.
        let results = [1, 2].map(|number| unsafe { recorder.call1(number, [0]) });
        assert_eq!(results, [-38, -38]);
        assert_eq!(recorder.made(), 2);
        assert_eq!(recorder.calls().map(|call| call.number).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn threads_lose_nothing() {
        let recorder: Recorder<_, 400> = Recorder::new(nothing());
        thread::scope(|scope| {
            for thread in 0..4_u32 {
                let recorder = &recorder;
                scope.spawn(move || {
                    for argument in 0..100 {
                        // SAFETY: a script does nothing.
                        unsafe { recorder.call1(thread, [argument]) };
                    }
                });
            }
        });
        let mut seen: Vec<_> = recorder.calls().map(|c| (c.number, c.arguments()[0])).collect();
        // Each thread's own order is kept.
        seen.sort_by_key(|&(thread, _)| thread);
        let expected: Vec<_> = (0..4).flat_map(|t| (0..100).map(move |a| (t, a))).collect();
        assert_eq!(seen, expected);
    }
}
