//! The list of a multicall, and the backend that adds a hypercall to it.

use core::cell::Cell;
use core::fmt;

use xen_abi::Errno;
use xen_abi::xen::{multicall_entry, xen_ulong_t};

use super::multicall;
use crate::hypercall::{BufferDesc, Error, Hypercall};
use crate::page::Owner;

/// The result in an entry that the hypervisor has not reached. No hypercall returns it.
const UNTOUCHED: isize = isize::MIN;

/// The entry's hypercall was not made: the hypervisor refused the multicall, or stopped before the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotRun {
    /// Why the multicall failed.
    pub error: Error,
}

impl From<NotRun> for Error {
    fn from(not_run: NotRun) -> Self {
        not_run.error
    }
}

impl fmt::Display for NotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not run: {}", self.error)
    }
}

impl core::error::Error for NotRun {}

/// The entries of a multicall, all on the stack of who makes it.
pub(super) struct List<'a, H: ?Sized> {
    xen: &'a H,
    entries: &'a [Cell<multicall_entry>],
    used: Cell<usize>,
    /// Why the multicall failed, if it did.
    failure: Cell<Option<Error>>,
}

impl<'a, H: Hypercall + ?Sized> List<'a, H> {
    #[inline]
    pub(super) fn new(xen: &'a H, entries: &'a [Cell<multicall_entry>]) -> Self {
        Self { xen, entries, used: Cell::new(0), failure: Cell::new(None) }
    }

    /// Calls `function` with the next entry, and inside its hypercall `rest`, which goes on with the entries
    /// after it.
    #[inline(always)]
    pub(super) fn entry<R>(
        &self,
        function: impl FnOnce(&Entry<'_, H>) -> R,
        rest: impl FnOnce(),
    ) -> Result<R, NotRun> {
        let mut rest = Once(Some(rest));
        let entry =
            Entry { list: self, rest: Cell::new(Some(&mut rest)), not_run: Cell::new(None) };
        let result = function(&entry);
        // The function made no hypercall.
        if let Some(rest) = entry.rest.take() {
            rest.run();
        }
        match entry.not_run.get() {
            Some(error) => Err(NotRun { error }),
            None => Ok(result),
        }
    }

    /// Makes the multicall, unless the list is empty.
    #[inline(always)]
    pub(super) fn issue(&self) {
        let Some(calls) = self.entries.get(..self.used.get()).filter(|calls| !calls.is_empty())
        else {
            return;
        };
        // SAFETY: cells of a slice are as the slice of what they hold; until the hypercall returns nothing
        // else uses them, since the functions that added them wait for it on this thread.
        #[allow(unsafe_code, reason = "the hypervisor writes to cells")]
        let calls = unsafe {
            core::slice::from_raw_parts_mut(calls.as_ptr().cast_mut().cast(), calls.len())
        };
        // SAFETY: each entry was given to `Entry::call`, whose callers promise what its hypercall asks for;
        // what the arguments point to is alive until that returns.
        #[allow(unsafe_code, reason = "a hypercall")]
        let outcome = unsafe { multicall(self.xen, calls) };
        self.failure.set(outcome.err());
    }

    /// Adds a hypercall. None if there is no place for it.
    #[inline(always)]
    fn add(&self, number: u32, arguments: &[usize]) -> Option<&Cell<multicall_entry>> {
        let place = self.used.get();
        let cell = self.entries.get(place)?;
        let mut entry = multicall_entry {
            op: number.into(),
            result: UNTOUCHED as xen_ulong_t,
            ..multicall_entry::ZERO
        };
        for (to, argument) in entry.args.iter_mut().zip(arguments) {
            *to = *argument as xen_ulong_t;
        }
        cell.set(entry);
        self.used.set(place + 1);
        Some(cell)
    }
}

/// What goes on with the entries after another. A trait of our own, unlike `FnMut`, has a method that can be
/// inlined always: an entry then costs what it costs by hand.
trait Rest {
    fn run(&mut self);
}

/// Runs once.
struct Once<F>(Option<F>);

impl<F: FnOnce()> Rest for Once<F> {
    #[inline(always)]
    fn run(&mut self) {
        if let Some(rest) = self.0.take() {
            rest();
        }
    }
}

/// One entry of a multicall: what a typed function is called with in the place of the hypervisor.
///
/// The [module](super) says which hypercalls become part of the multicall.
pub struct Entry<'a, H: ?Sized> {
    list: &'a List<'a, H>,
    /// What goes on with the entries after this one, until it has.
    rest: Cell<Option<&'a mut dyn Rest>>,
    /// Why the hypervisor did not reach its hypercall.
    not_run: Cell<Option<Error>>,
}

impl<H: Hypercall + ?Sized> Entry<'_, H> {
    /// Adds the hypercall to the list, has the multicall made, and returns the entry's result. None if the
    /// hypercall cannot be part of the multicall.
    #[inline(always)]
    fn queue(&self, number: u32, arguments: &[usize]) -> Option<isize> {
        let rest = self.rest.take()?;
        let entry = self.list.add(number, arguments);
        rest.run();
        let result = entry?.get().result as isize;
        match self.list.failure.get() {
            // What the function makes of it is dropped.
            failure @ Some(_) if result == UNTOUCHED => self.not_run.set(failure),
            _ => {}
        }
        Some(result)
    }
}

/// A method of [`Hypercall`] that adds to the list, or calls the hypervisor if the entry is in use.
macro_rules! queue {
    ($($name:ident, $count:literal;)*) => {$(
        #[inline(always)]
        unsafe fn $name(&self, number: u32, arguments: [usize; $count]) -> isize {
            // SAFETY: the caller's promise.
            let direct = || unsafe { self.list.xen.$name(number, arguments) };
            self.queue(number, &arguments).unwrap_or_else(direct)
        }
    )*};
}

// SAFETY: number and arguments are passed in an entry, and its result is returned once the multicall has
// been made. Memory is bounced as by the backend that makes it.
#[allow(unsafe_code, reason = "the trait is unsafe to implement")]
unsafe impl<H: Hypercall + ?Sized> Hypercall for Entry<'_, H> {
    queue! { call, 5; call1, 1; call2, 2; call3, 3; call4, 4; }

    #[inline]
    unsafe fn bounce_in(&self, buffer: BufferDesc) -> Result<usize, Errno> {
        // SAFETY: the caller's promise.
        unsafe { self.list.xen.bounce_in(buffer) }
    }

    #[inline]
    unsafe fn bounce_out(&self, buffer: BufferDesc, bounced: usize) {
        // SAFETY: the caller's promise.
        unsafe { self.list.xen.bounce_out(buffer, bounced) }
    }

    #[inline]
    fn owner(&self) -> Option<Owner> {
        self.list.xen.owner()
    }
}

impl<H: ?Sized> fmt::Debug for Entry<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").finish_non_exhaustive()
    }
}

/// Calls `function` for each item, in multicalls of up to `N` entries, and `done` with each item's place and
/// result.
///
/// The entries of one multicall are on the stack, and the calls of `function` for them; Linux makes 32 at a
/// time. `done` is called for the items of a multicall from the last to the first. After a multicall that
/// failed no further one is made: the items that are left are [`NotRun`].
///
/// ```
/// use xen_ops::hypercall::event_channel_op;
/// use xen_ops::hypercall::multicall::for_each;
/// use xen_ops::xen_abi::event_channel::evtchn_port_t;
/// use xen_ops::xen_abi::xen::DOMID_SELF;
/// use xen_sim::{DomainConfig, GuestKind, Xen};
///
/// # let machine = Xen::new();
/// # let xen = machine.domain(DomainConfig::new(GuestKind::Pvh))?;
/// let mut ports = [evtchn_port_t(0); 40];
/// for_each::<32, _, _, _>(
///     &xen,
///     &mut ports,
///     |xen, port| {
///         event_channel_op::alloc_unbound(xen, DOMID_SELF, DOMID_SELF).map(|new| *port = new)
///     },
///     |_, opened| assert_eq!(opened, Ok(Ok(()))),
/// );
/// assert_eq!(ports[39], evtchn_port_t(40));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn for_each<const N: usize, H: Hypercall + ?Sized, T, R>(
    xen: &H,
    items: &mut [T],
    function: impl Fn(&Entry<'_, H>, &mut T) -> R,
    mut done: impl FnMut(usize, Result<R, NotRun>),
) {
    const { assert!(N > 0, "a multicall has at least one entry") };
    let mut index = 0;
    let mut failure = None;
    for items in items.chunks_mut(N) {
        let next = index + items.len();
        if let Some(error) = failure {
            (index..next).for_each(|index| done(index, Err(NotRun { error })));
        } else {
            let entries = [const { Cell::new(multicall_entry::ZERO) }; N];
            let list = List::new(xen, &entries);
            step(&list, items, index, &function, &mut done);
            failure = list.failure.get();
        }
        index = next;
    }
}

/// Adds the first item's entry, and inside its hypercall those of the others.
fn step<H: Hypercall + ?Sized, T, R>(
    list: &List<'_, H>,
    items: &mut [T],
    index: usize,
    function: &impl Fn(&Entry<'_, H>, &mut T) -> R,
    done: &mut dyn FnMut(usize, Result<R, NotRun>),
) {
    let Some((item, items)) = items.split_first_mut() else { return list.issue() };
    let rest = || step(list, items, index + 1, function, &mut *done);
    let result = list.entry(|entry| function(entry, item), rest);
    done(index, result);
}
