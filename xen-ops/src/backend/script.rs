//! A hypervisor that answers what it was told to: for tests.

use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;

use xen_abi::errno::XEN_ENOSYS;

use crate::hypercall::Hypercall;

/// Answers hypercalls with results given beforehand, in their order, and those after the last with
/// `-ENOSYS`. It reads and writes nothing that arguments point to.
///
/// ```
/// # #![allow(unsafe_code)]
/// use xen_ops::backend::Script;
/// use xen_ops::hypercall::Hypercall;
///
/// // SAFETY: nothing here relies on what a hypercall has done.
/// let hypercall = unsafe { Script::new(&[0, -14]) };
/// let ask = || unsafe { hypercall.call1(29, [0]) };
/// assert_eq!([ask(), ask(), ask()], [0, -14, -38]);
/// ```
#[derive(Debug)]
pub struct Script<'a> {
    results: &'a [isize],
    answered: AtomicUsize,
}

impl<'a> Script<'a> {
    /// Answers with `results`.
    ///
    /// # Safety
    ///
    /// Nothing relies on an effect that a result stands for. A result that says a page was mapped
    /// does not map it.
    #[allow(unsafe_code, reason = "others rely on what hypercalls do")]
    #[must_use]
    pub const unsafe fn new(results: &'a [isize]) -> Self {
        Self { results, answered: AtomicUsize::new(0) }
    }
}

// SAFETY: it stands for a hypervisor that does nothing but answer, and who made it has promised that
// this is enough.
#[allow(unsafe_code, reason = "the trait is unsafe to implement")]
unsafe impl Hypercall for Script<'_> {
    unsafe fn call(&self, _: u32, _: [usize; 5]) -> isize {
        let turn = self.answered.fetch_add(1, Relaxed);
        self.results.get(turn).copied().unwrap_or(-(XEN_ENOSYS.0 as isize))
    }
}
