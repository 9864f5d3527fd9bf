//! Allocating and releasing the memory of a domain.

#![allow(unsafe_code, reason = "changes which memory is at a guest frame")]

use core::fmt;

use xen_abi::xen::{domid_t, xen_pfn_t};

use super::{Error, Extents, MemFlags, Shortfall, frame};
use crate::hypercall::{Hypercall, memory_op};

/// The maximum of extents that one call takes. A 32-bit command encodes where to resume above the
/// operation's 6 bits, so Xen does nothing for a longer list.
pub const MAX_EXTENTS: usize = (u32::MAX >> 6) as usize;

/// Populates guest frames of domain `domid` with memory: `frames` are the first frames of extents of 2
/// to the power `order` pages each, and multiples of that.
///
/// `DOMID_SELF` is the caller. An unprivileged caller may not name another domain. For a PV domain,
/// `frames` holds machine frames afterwards, for the extents that are done.
///
/// `XENMEM_populate_physmap` of `memory.h`.
///
/// # Errors
///
/// [`Error::NotAFrame`] and [`Error::TooMany`], before Xen is asked. If Xen does not do all extents, the
/// result is a shortfall of [`Extents`] and not an error: Xen returns no error number here, unless it has
/// no such hypercall. A result that is not a count up to `frames.len()` is
/// [`Cause::Unexpected`](crate::hypercall::Cause::Unexpected).
///
/// # Safety
///
/// If `domid` is the caller: nothing is at the guest frames of the extents, or nothing relies on it.
/// Nothing relies on the contents of the memory.
///
/// # Examples
///
/// ```
/// # use xen_ops::hypercall::Hypercall;
/// # struct Xen;
/// # unsafe impl Hypercall for Xen {
/// #     unsafe fn call(&self, _: u32, _: [usize; 5]) -> isize { 2 }
/// # }
/// # let xen = Xen;
/// use xen_abi::xen::{DOMID_SELF, xen_pfn_t};
/// use xen_ops::memory::{MemFlags, populate_physmap};
///
/// let mut frames = [0x100, 0x101, 0x102].map(xen_pfn_t);
/// // SAFETY: these guest frames are empty.
/// let extents = unsafe { populate_physmap(&xen, DOMID_SELF, 0, MemFlags::ANY, &mut frames) }?;
/// let (memory, holes) = extents.split(&frames);
/// assert_eq!((memory.len(), holes.len()), (2, 1));
/// # Ok::<(), xen_ops::memory::Error>(())
/// ```
pub unsafe fn populate_physmap<H>(
    xen: &H,
    domid: domid_t,
    order: u32,
    flags: MemFlags,
    frames: &mut [xen_pfn_t],
) -> Result<Extents, Error>
where
    H: Hypercall + ?Sized,
{
    frame::check(frames)?;
    let asked = frames.len();
    fits(asked)?;
    // SAFETY: the caller's promise.
    let done =
        unsafe { memory_op::populate_physmap(xen, frames, order, flags.mem_flags(), domid) }?;
    Ok(Extents::new(done, asked))
}

/// As [`populate_physmap`], but populates all of `frames` or none: if Xen falls short, the extents that
/// it did are released again.
///
/// In a PV domain, `frames` holds machine frames afterwards for the extents that were done, even if they
/// are released.
///
/// # Errors
///
/// [`PopulateError::Shortfall`] if Xen did not do all extents: none is populated.
/// [`PopulateError::Stranded`] if releasing fell short too. [`PopulateError::Call`] for the errors of
/// [`populate_physmap`], after which nothing is populated.
///
/// # Safety
///
/// As [`populate_physmap`].
pub unsafe fn populate_exactly<H>(
    xen: &H,
    domid: domid_t,
    order: u32,
    flags: MemFlags,
    frames: &mut [xen_pfn_t],
) -> Result<(), PopulateError>
where
    H: Hypercall + ?Sized,
{
    // SAFETY: the caller's promise.
    let extents = unsafe { populate_physmap(xen, domid, order, flags, frames) }
        .map_err(PopulateError::Call)?;
    let Err(short) = extents.complete() else { return Ok(()) };
    let (done, _) = extents.split(frames);
    if done.is_empty() {
        return Err(PopulateError::Shortfall(short));
    }
    // SAFETY: this memory is new, and nothing uses it yet.
    let released = match unsafe { decrease_reservation(xen, domid, order, done) } {
        Ok(released) if released.is_complete() => return Err(PopulateError::Shortfall(short)),
        Ok(released) => released.done(),
        Err(_) => 0,
    };
    Err(PopulateError::Stranded { short, released })
}

/// Releases the memory at guest frames of domain `domid` to Xen: `frames` are the first frames of
/// extents of 2 to the power `order` pages each. In a PV domain they are machine frames.
///
/// `DOMID_SELF` is the caller. An unprivileged caller may not name another domain. If `order` is not 0,
/// some pages of the extent that Xen stopped at may be gone although it is not counted.
///
/// `XENMEM_decrease_reservation` of `memory.h`.
///
/// # Errors
///
/// As [`populate_physmap`]: extents that Xen did not do are a shortfall of [`Extents`]. Xen stops at a
/// frame that is not populated, or that is not the domain's own memory.
///
/// # Safety
///
/// If `domid` is the caller: nothing relies on the memory at these frames any more. Nothing maps it,
/// and it is not granted.
pub unsafe fn decrease_reservation<H>(
    xen: &H,
    domid: domid_t,
    order: u32,
    frames: &[xen_pfn_t],
) -> Result<Extents, Error>
where
    H: Hypercall + ?Sized,
{
    frame::check(frames)?;
    let asked = frames.len();
    fits(asked)?;
    let any = MemFlags::ANY.mem_flags();
    // SAFETY: the caller's promise.
    let done = unsafe { memory_op::decrease_reservation(xen, frames, order, any, domid) }?;
    Ok(Extents::new(done, asked))
}

/// Allocates memory to domain `domid`, in extents of 2 to the power `order` pages, as many as
/// `frames` has elements.
///
/// For a PV domain, `frames` holds the first machine frame of each extent that is done. For a
/// translated one, Xen does not change `frames`, and the memory is at no guest frame: use
/// [`populate_physmap`] there.
///
/// `XENMEM_increase_reservation` of `memory.h`.
///
/// # Errors
///
/// As [`populate_physmap`]: extents that Xen did not do are a shortfall of [`Extents`].
pub fn increase_reservation<H>(
    xen: &H,
    domid: domid_t,
    order: u32,
    flags: MemFlags,
    frames: &mut [xen_pfn_t],
) -> Result<Extents, Error>
where
    H: Hypercall + ?Sized,
{
    let asked = frames.len();
    fits(asked)?;
    let done = memory_op::increase_reservation(xen, frames, order, flags.mem_flags(), domid)?;
    Ok(Extents::new(done, asked))
}

/// Refuses lists that are longer than Xen takes.
pub(super) const fn fits(asked: usize) -> Result<(), Error> {
    if asked <= MAX_EXTENTS { Ok(()) } else { Err(Error::TooMany { asked, limit: MAX_EXTENTS }) }
}

/// Why [`populate_exactly`] populated nothing, or could not undo it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PopulateError {
    /// Refused before the call, or the result is not a count.
    Call(Error),
    /// Xen did fewer extents than asked for. They were released again.
    Shortfall(Shortfall),
    /// Xen did fewer extents than asked for, and released fewer than it did. The frames from index
    /// `released` to `short.done` are still populated, except that for an order above 0 the first of
    /// these extents may have lost pages.
    Stranded {
        /// What populating did.
        short: Shortfall,
        /// Extents that were released again, from the first.
        released: usize,
    },
}

impl fmt::Display for PopulateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::Shortfall(Shortfall { done, asked }) => {
                write!(f, "XENMEM_populate_physmap: {done} of {asked} extents, released again")
            }
            Self::Stranded { short: Shortfall { done, asked }, released } => write!(
                f,
                "XENMEM_populate_physmap: {done} of {asked} extents, only {released} of them released again"
            ),
        }
    }
}

impl core::error::Error for PopulateError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_xen_would_not_look_at_is_refused() {
        // Xen keeps six bits of the 32 for itself.
        assert_eq!(MAX_EXTENTS, 0x03ff_ffff);
        assert_eq!(fits(MAX_EXTENTS), Ok(()));
        let asked = MAX_EXTENTS + 1;
        assert_eq!(fits(asked), Err(Error::TooMany { asked, limit: MAX_EXTENTS }));
    }
}
