//! Cache maintenance on granted pages, for guests on Arm and PV guests.
//!
//! It is for pages that are read or written by a device which does not snoop the caches. The page is
//! named by its machine address, which every mapping has.
//!
//! `GNTTABOP_cache_flush` of `xen/include/public/grant_table.h`. It has no statuses: the hypercall's
//! result is that of the whole batch.

#![allow(unsafe_code, reason = "asks Xen for cache maintenance")]

use core::fmt;
use core::marker::PhantomData;

use xen_abi::grant_table::{
    CacheFlushFlags, GNTTAB_CACHE_CLEAN, GNTTAB_CACHE_INVAL, gnttab_cache_flush_a,
};

use super::batch::{TooLarge, fits};
use super::map::Mapping;
use crate::hypercall::grant_table_op::{CacheFlush, cache_flush};
use crate::hypercall::{Error, Hypercall};
use crate::page::{MapTarget, PAGE_SIZE};
use crate::view::{Access, OutOfBounds};

/// What to do with cache lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheOp {
    /// Write them back, before a device reads.
    Clean,
    /// Discard them, before the CPU reads what a device wrote. Writes of the CPU may be lost. Arm only.
    Invalidate,
    /// Write them back and discard them.
    CleanAndInvalidate,
}

impl CacheOp {
    const fn op(self) -> CacheFlushFlags {
        match self {
            Self::Clean => GNTTAB_CACHE_CLEAN,
            Self::Invalidate => GNTTAB_CACHE_INVAL,
            Self::CleanAndInvalidate => GNTTAB_CACHE_CLEAN.union(GNTTAB_CACHE_INVAL),
        }
    }
}

/// A range of bytes of a mapped page, and what to do with its cache lines.
#[derive(Clone, Copy, Debug)]
pub struct Flush<'m> {
    machine_addr: u64,
    offset: u16,
    length: u16,
    lines: CacheOp,
    mapping: PhantomData<&'m ()>,
}

impl<'m> Flush<'m> {
    /// `length` bytes from `offset` on of the page that `mapping` maps.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`] if that is not inside the page. `offset` is below 4096 also if `length` is 0.
    pub fn new<H: Hypercall, T: MapTarget, A: Access>(
        mapping: &'m Mapping<H, T, A>,
        offset: usize,
        length: usize,
        lines: CacheOp,
    ) -> Result<Self, OutOfBounds> {
        // SAFETY: the frame stays mapped for 'm, and is only seen through views.
        unsafe { Self::at(mapping.machine_addr(), offset, length, lines) }
    }

    /// `length` bytes from `offset` on of the page at a machine address, in bytes: a granted page that
    /// this guest has mapped, or one of its own.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`] if that is not inside the page. `offset` is below 4096 also if `length` is 0.
    ///
    /// # Safety
    ///
    /// Invalidating discards writes that were not cleaned yet: nothing relies on them.
    pub unsafe fn at(
        machine_addr: u64,
        offset: usize,
        length: usize,
        lines: CacheOp,
    ) -> Result<Self, OutOfBounds> {
        let outside = OutOfBounds { offset, length };
        match (u16::try_from(offset), u16::try_from(length)) {
            (Ok(first), Ok(bytes)) if offset < PAGE_SIZE && length <= PAGE_SIZE - offset => {
                Ok(Self { machine_addr, offset: first, length: bytes, lines, mapping: PhantomData })
            }
            _ => Err(outside),
        }
    }

    fn element(&self) -> CacheFlush {
        let address = gnttab_cache_flush_a::from_dev_bus_addr(self.machine_addr);
        CacheFlush::new(address, self.offset, self.length, self.lines.op())
    }
}

/// Cache maintenance that was not done, or not all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlushError {
    /// Refused before any hypercall: too many ranges.
    TooLarge(TooLarge),
    /// Xen stopped at one of the ranges, and does not report at which. `EPERM`: a page without an owner
    /// that has grants; `EINVAL`: no memory at the address, or another domain's that is not mapped by
    /// a grant; `EOPNOTSUPP`: x86, which does not invalidate without cleaning; `ENOSYS`: a translated guest
    /// on x86, from 4.21 on every guest on x86.
    Xen(Error),
}

impl fmt::Display for FlushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(error) => error.fmt(f),
            Self::Xen(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for FlushError {}

/// Elements for batches of up to `N` ranges: the buffer of the hypercall. The contents before and after
/// a call do not matter.
#[must_use]
pub fn elements<const N: usize>() -> [CacheFlush; N] {
    let none = CacheFlushFlags::empty();
    core::array::from_fn(|_| CacheFlush::new(gnttab_cache_flush_a::ZERO, 0, 0, none))
}

/// Does the maintenance of one range.
///
/// # Errors
///
/// [`FlushError::Xen`], which lists the error numbers.
pub fn flush<H: Hypercall + ?Sized>(xen: &H, flush: &Flush<'_>) -> Result<(), FlushError> {
    flush_each(xen, core::slice::from_ref(flush), &mut elements::<1>())
}

/// Does the maintenance of all ranges, in order, with one hypercall.
///
/// # Errors
///
/// - [`FlushError::TooLarge`] if there are more ranges than `elements`, or than a hypercall takes; then
///   nothing has been done.
/// - [`FlushError::Xen`] if Xen stopped at one of them.
pub fn flush_each<H: Hypercall + ?Sized>(
    xen: &H,
    flushes: &[Flush<'_>],
    elements: &mut [CacheFlush],
) -> Result<(), FlushError> {
    fits(flushes.len(), elements.len()).map_err(FlushError::TooLarge)?;
    let elements = elements.get_mut(..flushes.len()).unwrap_or_default();
    if elements.is_empty() {
        return Ok(());
    }
    for (element, flush) in elements.iter_mut().zip(flushes) {
        *element = flush.element();
    }
    // SAFETY: a mapping is only accessed through views; otherwise the caller of `Flush::at` vouches for
    // writes that are lost.
    unsafe { cache_flush(xen, elements) }.map_err(FlushError::Xen)
}
