//! A hypervisor that returns given results, for tests.

use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;

use xen_abi::errno::XEN_ENOSYS;

use crate::hypercall::Hypercall;

/// Returns the given results in order, and `-ENOSYS` after the last. It does not access what arguments
/// point to.
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
    /// Returns `results`.
    ///
    /// # Safety
    ///
    /// Nothing relies on the effect of a hypercall. A result that reports success does not map a page.
    #[allow(unsafe_code, reason = "other code relies on the effects of hypercalls")]
    #[must_use]
    pub const unsafe fn new(results: &'a [isize]) -> Self {
        Self { results, answered: AtomicUsize::new(0) }
    }
}

// SAFETY: it stands for a hypervisor without effects, which is what the caller of `new` promised to
// rely on.
#[allow(unsafe_code, reason = "the trait is unsafe to implement")]
unsafe impl Hypercall for Script<'_> {
    unsafe fn call(&self, _: u32, _: [usize; 5]) -> isize {
        let turn = self.answered.fetch_add(1, Relaxed);
        self.results.get(turn).copied().unwrap_or(-(XEN_ENOSYS.0 as isize))
    }
}
