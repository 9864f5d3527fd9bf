//! Exchanging pages for others.

#![allow(unsafe_code, reason = "changes which memory is at a guest frame")]

use core::fmt;

use xen_abi::memory::{xen_memory_exchange, xen_memory_reservation};
use xen_abi::xen::{domid_t, xen_pfn_t, xen_ulong_t};

use super::reservation::fits;
use super::{Error, MemFlags, frame};
use crate::hypercall::{self, Hypercall, HypercallBuffer, memory_op};

/// Extents that the domain gives.
#[derive(Clone, Copy, Debug)]
pub struct Give<'a> {
    /// Each extent is 2 to this power pages.
    pub order: u32,
    /// The first frame of each: machine frames, as the operation is for PV domains.
    pub frames: &'a [xen_pfn_t],
}

/// Extents that the domain takes.
#[derive(Debug)]
pub struct Take<'a> {
    /// Each extent is 2 to this power pages, contiguous in machine memory.
    pub order: u32,
    /// Constraints on the memory.
    pub flags: MemFlags,
    /// Their guest frames; after the call, their machine frames.
    pub frames: &'a mut [xen_pfn_t],
}

/// Exchanges pages of domain `domid` for others: contiguous ones, or at low addresses, or on another
/// node. PV domains only; Xen refuses it for translated ones.
///
/// The contents of the pages given are lost.
///
/// `XENMEM_exchange` of `memory.h`.
///
/// # Errors
///
/// [`ExchangeError`], which counts the extents that are exchanged already. In its `error`:
/// [`Error::PageCount`] unless both sides are the same number of pages, [`Error::NotAFrame`] and
/// [`Error::TooMany`], before Xen is asked. Of Xen's: -EOPNOTSUPP (HVM, PVH, Arm), -EPERM (an order
/// above the caller's maximum; not allowed), -ENOMEM (no such memory left; a page that is shared),
/// -EINVAL (not the domain's memory, an unknown node), -ESRCH (no such domain).
///
/// # Safety
///
/// If `domid` is the caller: nothing relies on the memory given, nothing maps it, it is not granted,
/// and nothing relies on what is at the guest frames taken.
pub unsafe fn exchange<H>(
    xen: &H,
    domid: domid_t,
    give: Give<'_>,
    take: Take<'_>,
) -> Result<(), ExchangeError>
where
    H: Hypercall + ?Sized,
{
    check(&give, &take).map_err(|error| ExchangeError { error, exchanged: 0 })?;
    let side = |extent_start, len, extent_order, mem_flags| xen_memory_reservation {
        extent_start,
        nr_extents: len as xen_ulong_t,
        extent_order,
        mem_flags,
        domid,
        ..xen_memory_reservation::ZERO
    };
    let asked = give.frames.len();
    let wanted = take.frames.len();
    let refused = |errno| {
        let error = hypercall::Error::from_errno(NAME, errno).into();
        ExchangeError { error, exchanged: 0 }
    };
    let given = HypercallBuffer::to_read(xen, give.frames).map_err(refused)?;
    let taken = HypercallBuffer::to_write(xen, take.frames).map_err(refused)?;
    let argument = xen_memory_exchange {
        in_: side(given.handle(), asked, give.order, MemFlags::ANY.mem_flags()),
        out: side(taken.handle(), wanted, take.order, take.flags.mem_flags()),
        nr_exchanged: 0,
    };
    // SAFETY: the handles are to a list for reading and one for writing; the effect is as the caller
    // promises.
    let (result, argument) = unsafe { memory_op::exchange(xen, argument) };
    let reported = argument.nr_exchanged;
    let exchanged = usize::try_from(reported).unwrap_or(usize::MAX).min(asked);
    match result {
        Ok(()) if reported == asked as xen_ulong_t => Ok(()),
        // Xen reports success, but did not exchange all: no error number says so.
        Ok(()) => {
            Err(ExchangeError { error: hypercall::Error::from_result(NAME, 0).into(), exchanged })
        }
        Err(error) => Err(ExchangeError { error: error.into(), exchanged }),
    }
}

const NAME: &str = "XENMEM_exchange";

fn check(give: &Give<'_>, take: &Take<'_>) -> Result<(), Error> {
    let pages = |extents: usize, order: u32| {
        1_usize.checked_shl(order).and_then(|pages| extents.checked_mul(pages))
    };
    let (given, wanted) =
        (pages(give.frames.len(), give.order), pages(take.frames.len(), take.order));
    if given.is_none() || given != wanted {
        return Err(Error::PageCount { given, wanted });
    }
    fits(give.frames.len())?;
    fits(take.frames.len())?;
    frame::check(give.frames)?;
    frame::check(take.frames)
}

/// An exchange that was not done, or not completely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExchangeError {
    /// Why.
    pub error: Error,
    /// Extents given, from the first, that are exchanged already. The others are unchanged.
    pub exchanged: usize,
}

impl fmt::Display for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (after {} extents)", self.error, self.exchanged)
    }
}

impl core::error::Error for ExchangeError {}
