//! Segments, which are inside one page at either end, and batches of them.

#![allow(unsafe_code, reason = "asks Xen to copy")]

use core::marker::PhantomData;

use xen_abi::grant_table::{
    GNTCOPY_dest_gref, GNTCOPY_source_gref, GNTST_eagain, GNTST_permission_denied, GrantCopyFlags,
    gnttab_copy_ptr,
};
use xen_abi::xen::xen_pfn_t;

use super::end::{Dest, End, Source};
use super::error::Invalid;
use crate::gnttab::batch::{TooLarge, fits};
use crate::gnttab::retry::{NoRetry, Retry, Tries};
use crate::hypercall::grant_table_op::{self as op, Copy};
use crate::hypercall::{Batch, Error, Hypercall, UNTOUCHED};
use crate::page::{Owner, PAGE_SIZE};
use crate::view::OutOfBounds;

const COPY: &str = "GNTTABOP_copy";

/// A range of bytes to copy from one page to another, and the result.
#[derive(Debug)]
pub struct Segment<'a> {
    source: (End, u16),
    dest: (End, u16),
    len: u16,
    result: Option<Result<(), Error>>,
    memory: PhantomData<&'a mut ()>,
}

impl<'a> Segment<'a> {
    /// `len` bytes from offset `from` of `source` to offset `to` of `dest`, 0 bytes too.
    ///
    /// # Errors
    ///
    /// [`Invalid`] if one of the ranges leaves its page.
    pub fn new(
        source: Source<'a>,
        from: usize,
        dest: Dest<'a>,
        to: usize,
        len: usize,
    ) -> Result<Self, Invalid> {
        Self::of((source.end(), from), (dest.end(), to), len)
    }

    /// As [`new`](Self::new), of ends that outlive `'a`.
    pub(super) fn of(
        (source, from): (End, usize),
        (dest, to): (End, usize),
        len: usize,
    ) -> Result<Self, Invalid> {
        let (from, _) = in_page(from, len)?;
        let (to, len) = in_page(to, len)?;
        let (source, dest) = ((source, from), (dest, to));
        Ok(Self { source, dest, len, result: None, memory: PhantomData })
    }

    /// A segment that copies nothing and is done.
    pub(super) const fn nothing() -> Self {
        let end = (End::Frame(xen_pfn_t(0), None), 0);
        Self { source: end, dest: end, len: 0, result: Some(Ok(())), memory: PhantomData }
    }

    /// How many bytes it copies.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len.into()
    }

    /// Whether it copies no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it was copied, or `None` if that has not been tried.
    ///
    /// # Errors
    ///
    /// The inner error is the status, or the hypercall's error.
    #[must_use]
    pub fn result(&self) -> Option<Result<(), Error>> {
        self.result
    }

    fn is_pending(&self) -> bool {
        self.result.is_none()
    }

    /// Whether one end is a page of another domain, in place of which the frame of this domain with its
    /// number would be copied.
    fn is_foreign<H: Hypercall + ?Sized>(&self, xen: &H) -> bool {
        [self.source.0, self.dest.0]
            .iter()
            .any(|end| Owner::is_foreign(|| xen.owner(), end.owner()))
    }

    fn element(&self) -> Copy {
        let (source, from_gref) = self.source.0.at(self.source.1, GNTCOPY_source_gref);
        let (dest, to_gref) = self.dest.0.at(self.dest.1, GNTCOPY_dest_gref);
        Copy::new(source, dest, self.len, from_gref | to_gref)
    }
}

/// Offset and length, if they are inside a page.
fn in_page(offset: usize, length: usize) -> Result<(u16, u16), Invalid> {
    let outside = Invalid::OutOfBounds(OutOfBounds { offset, length });
    match (offset.checked_add(length), u16::try_from(offset), u16::try_from(length)) {
        (Some(end), Ok(offset), Ok(length)) if end <= PAGE_SIZE => Ok((offset, length)),
        _ => Err(outside),
    }
}

/// Elements for batches of up to `N` segments: the buffer of the hypercall. The contents before and
/// after a call do not matter.
#[must_use]
pub fn elements<const N: usize>() -> [Copy; N] {
    let end = gnttab_copy_ptr::ZERO;
    core::array::from_fn(|_| Copy::new(end, end, 0, GrantCopyFlags::empty()))
}

/// Copies every segment that has no result yet, with one hypercall, and returns how many of them were
/// copied. Afterwards every segment has a result; one that fails does not affect the others.
///
/// # Errors
///
/// [`TooLarge`] if there are more such segments than `elements`, or than a hypercall takes; then
/// nothing has been done.
pub fn copy_each<H: Hypercall + ?Sized>(
    xen: &H,
    segments: &mut [Segment<'_>],
    elements: &mut [Copy],
) -> Result<usize, TooLarge> {
    copy_each_with_retry(xen, segments, elements, &mut NoRetry)
}

/// As [`copy_each`]. Segments with `GNTST_eagain` go to Xen again, in one more hypercall for each try
/// that `retry` makes.
///
/// # Errors
///
/// As [`copy_each`].
pub fn copy_each_with_retry<H: Hypercall + ?Sized, R: Retry + ?Sized>(
    xen: &H,
    segments: &mut [Segment<'_>],
    elements: &mut [Copy],
    retry: &mut R,
) -> Result<usize, TooLarge> {
    let pending = segments.iter().filter(|segment| segment.is_pending()).count();
    fits(pending, elements.len())?;
    Ok(rounds(xen, segments, elements, &mut Tries::new(retry)))
}

/// Copies the pending segments, of which there are no more than elements, and returns how many.
pub(super) fn rounds<H: Hypercall + ?Sized, R: Retry + ?Sized>(
    xen: &H,
    segments: &mut [Segment<'_>],
    elements: &mut [Copy],
    tries: &mut Tries<'_, R>,
) -> usize {
    let mut copied = 0;
    loop {
        let round = round(xen, segments, elements);
        copied += round.copied;
        if !round.again || !tries.another() {
            break;
        }
    }
    for segment in segments {
        segment.result.get_or_insert(Err(Error::from_status(COPY, GNTST_eagain)));
    }
    copied
}

/// What one hypercall did.
struct Round {
    copied: usize,
    /// Whether there are segments that may be tried again.
    again: bool,
}

/// Passes all pending segments to Xen and stores the results. Both go through the segments in order, and
/// a segment is pending until it has its result, so results and segments correspond.
fn round<H: Hypercall + ?Sized>(
    xen: &H,
    segments: &mut [Segment<'_>],
    elements: &mut [Copy],
) -> Round {
    let mut asked = 0;
    for segment in segments.iter_mut().filter(|segment| segment.is_pending()) {
        if segment.is_foreign(xen) {
            // As Xen answers for another domain's frame.
            segment.result = Some(Err(Error::from_status(COPY, GNTST_permission_denied)));
        }
    }
    let pending = segments.iter().filter(|segment| segment.is_pending());
    for (element, segment) in elements.iter_mut().zip(pending) {
        *element = segment.element();
        asked += 1;
    }
    let mut round = Round { copied: 0, again: false };
    let elements = elements.get_mut(..asked).unwrap_or_default();
    if elements.is_empty() {
        return round;
    }
    // SAFETY: the ends of a segment borrow the memory, or it is another domain's, or the caller of an
    // unsafe constructor vouches for it.
    let Batch { result, elements } = unsafe { op::copy(xen, elements) };
    let pending = segments.iter_mut().filter(|segment| segment.is_pending());
    for (segment, element) in pending.zip(elements) {
        let status = element.status();
        segment.result = match result {
            _ if status.is_okay() => Some(Ok(())),
            Err(error) if status == UNTOUCHED => Some(Err(error)),
            Ok(()) if status == GNTST_eagain => None,
            _ => Some(Err(Error::from_status(COPY, status))),
        };
        round.copied += usize::from(status.is_okay());
        round.again |= segment.is_pending();
    }
    round
}
