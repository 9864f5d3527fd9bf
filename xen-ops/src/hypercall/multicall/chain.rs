//! A multicall of a fixed number of calls, each of a type of its own.

use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;

use xen_abi::xen::multicall_entry;

use super::entry::{Entry, List, NotRun};
use crate::hypercall::Hypercall;

/// Typed calls to be made by one hypercall, at most eight. [`for_each`](super::for_each) takes more.
///
/// A function of another module is called as if its entry were the hypervisor, and an unsafe one is unsafe
/// here too:
///
/// ```
/// use xen_ops::hypercall::multicall::Multicall;
/// # #[cfg(target_arch = "x86_64")]
/// use xen_ops::hypercall::{Error, Hypercall, pv};
///
/// /// Switches a PV kernel to the stack at `sp`, and has the next use of the floating-point unit trap.
/// ///
/// /// # Safety
/// ///
/// /// It is a stack, and nothing else uses it.
/// # #[cfg(target_arch = "x86_64")]
/// unsafe fn switch(xen: &impl Hypercall, ss: usize, sp: usize) -> Result<(), Error> {
///     let (stack, fpu) = Multicall::new(xen)
///         // SAFETY: the caller's promise.
///         .call(|xen| unsafe { pv::stack_switch(xen, ss, sp) })
///         .call(|xen| pv::fpu_taskswitch(xen, 1))
///         .run();
///     stack??;
///     fpu?
/// }
/// ```
///
/// What a call borrows stays until the multicall is made:
///
/// ```compile_fail,E0597
/// use xen_ops::hypercall::multicall::Multicall;
/// # use xen_ops::hypercall::{Hypercall, sched_op};
/// # use xen_ops::xen_abi::event_channel::evtchn_port_t;
/// fn poll(xen: &impl Hypercall) {
///     let calls = {
///         let ports = [evtchn_port_t(1)];
///         Multicall::new(xen).call(|xen| sched_op::poll(xen, &ports, 0))
///     };
///     let (polled,) = calls.run();
/// }
/// ```
///
/// A result is a `Result` of what the function returns: [`NotRun`] if the hypervisor did not reach the entry.
#[must_use = "`run` makes the calls"]
pub struct Multicall<'a, H: ?Sized, C = ()> {
    xen: &'a H,
    calls: C,
}

/// A call of a multicall, with the type of its result.
pub struct Queued<F, R> {
    function: F,
    result: PhantomData<fn() -> R>,
}

impl<'a, H: Hypercall + ?Sized> Multicall<'a, H> {
    /// A multicall without calls.
    #[inline]
    pub const fn new(xen: &'a H) -> Self {
        Self { xen, calls: () }
    }
}

impl<'a, H: Hypercall + ?Sized, C> Multicall<'a, H, C> {
    /// Adds a call: `function` calls the typed function with the entry that it is given.
    #[inline]
    pub fn call<F, R>(self, function: F) -> Multicall<'a, H, C::Longer>
    where
        C: Append<Queued<F, R>>,
        F: FnOnce(&Entry<'_, H>) -> R,
    {
        let call = Queued { function, result: PhantomData };
        Multicall { xen: self.xen, calls: self.calls.append(call) }
    }

    /// Makes the calls in their order. Returns a tuple of their results: for each call
    /// `Result<R, NotRun>`, where `R` is what its function returned.
    ///
    /// Without calls it makes no hypercall.
    #[inline]
    #[must_use = "each call has a result"]
    pub fn run(self) -> C::Results
    where
        C: Calls<H>,
    {
        self.calls.run(self.xen)
    }
}

impl<H: ?Sized, C> fmt::Debug for Multicall<'_, H, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multicall").finish_non_exhaustive()
    }
}

impl<F, R> fmt::Debug for Queued<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queued").finish_non_exhaustive()
    }
}

/// The calls of a multicall: a tuple of up to eight.
pub trait Calls<H: ?Sized>: sealed::Sealed {
    /// A tuple of their results.
    type Results;

    /// Makes the calls.
    #[doc(hidden)]
    fn run(self, xen: &H) -> Self::Results;
}

/// A tuple of calls that one more can be added to.
#[diagnostic::on_unimplemented(
    message = "a `Multicall` has at most eight calls",
    label = "one call too many",
    note = "`for_each` makes any number of calls of one kind"
)]
pub trait Append<Call>: sealed::Sealed {
    /// The tuple with the call.
    type Longer;

    /// Adds the call.
    #[doc(hidden)]
    fn append(self, call: Call) -> Self::Longer;
}

mod sealed {
    pub trait Sealed {}
}

/// The tuples of calls; `Next` and `next` are the call to be added.
macro_rules! tuples {
    () => {};
    ($first:ident $one:ident $call:ident $returned:ident, $($rest:tt)*) => {
        tuples!(@tuple [] $first $one $call $returned, $($rest)*);
    };
    (@tuple [$($name:ident $result:ident $call:ident $returned:ident,)*]) => {
        tuples!(@impls [$($name $result $call $returned,)*]);
    };
    (@tuple [$($name:ident $result:ident $call:ident $returned:ident,)*]
     $next:ident $one:ident $add:ident $came:ident, $($rest:tt)*) => {
        tuples!(@impls [$($name $result $call $returned,)*]);

        impl<$($name, $result,)* Next> Append<Next> for ($(Queued<$name, $result>,)*) {
            type Longer = ($(Queued<$name, $result>,)* Next,);

            #[inline]
            fn append(self, next: Next) -> Self::Longer {
                let ($($call,)*) = self;
                ($($call,)* next,)
            }
        }

        tuples!(@tuple [$($name $result $call $returned,)* $next $one $add $came,] $($rest)*);
    };
    (@impls [$($name:ident $result:ident $call:ident $returned:ident,)*]) => {
        impl<$($name, $result,)*> sealed::Sealed for ($(Queued<$name, $result>,)*) {}

        impl<X: Hypercall + ?Sized, $($name, $result,)*> Calls<X>
            for ($(Queued<$name, $result>,)*)
        where
            $($name: FnOnce(&Entry<'_, X>) -> $result,)*
        {
            type Results = ($(Result<$result, NotRun>,)*);

            #[allow(unused_assignments, reason = "the first call's is not assigned in a closure")]
            #[inline(always)]
            fn run(self, xen: &X) -> Self::Results {
                const COUNT: usize = <[&str]>::len(&[$(stringify!($name),)*]);
                let ($($call,)*) = self;
                let entries = [const { Cell::new(multicall_entry::ZERO) }; COUNT];
                let list = List::new(xen, &entries);
                $(let mut $returned = None;)*
                tuples!(@nest list [$($call $returned,)*]);
                match ($($returned,)*) {
                    ($(Some($returned),)*) => ($($returned,)*),
                    #[allow(unreachable_patterns, reason = "the empty tuple matches above")]
                    _ => unreachable!("an entry calls those after it"),
                }
            }
        }
    };
    (@nest $list:ident []) => { $list.issue() };
    (@nest $list:ident [$call:ident $returned:ident, $($rest:tt)*]) => {
        $returned = Some($list.entry($call.function, || tuples!(@nest $list [$($rest)*])))
    };
}

tuples! {
    A RA a ra,
    B RB b rb,
    C RC c rc,
    D RD d rd,
    E RE e re,
    F RF f rf,
    G RG g rg,
    I RI i ri,
}
