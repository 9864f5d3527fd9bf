//! Copies that are longer than a page.

use super::end::{Dest, Source};
use super::error::{CopyError, Invalid};
use super::segment::{Segment, elements, rounds};
use crate::gnttab::retry::{NoRetry, Retry, Tries};
use crate::hypercall::Hypercall;
use crate::page::PAGE_SIZE;

/// Segments that [`copy`] passes to Xen with one hypercall.
const AT_ONCE: usize = 16;

/// Copies `len` bytes from offset `from` of the buffer `source` to offset `to` of the buffer `dest`.
/// Offsets are in bytes, from the start of the first page.
///
/// It makes one hypercall for each 16 segments (see [`split`]), and stops after the first hypercall in
/// which one fails.
///
/// ```
/// use xen_ops::gnttab::copy::{CopyError, Dest, Source, copy};
/// use xen_ops::RemoteGrant;
/// use xen_ops::hypercall::Hypercall;
/// use xen_ops::page::Page;
///
/// /// A packet that a peer's driver announced: `len` bytes from `offset` on, over two of its grants.
/// fn receive<H: Hypercall, P: Page>(
///     xen: &H,
///     packet: [RemoteGrant; 2],
///     offset: usize,
///     len: usize,
///     buffer: &mut [P; 2],
/// ) -> Result<(), CopyError> {
///     let mut dest = buffer.each_mut().map(Dest::page);
///     copy(xen, &packet.map(Source::grant), offset, &mut dest, 0, len)
/// }
/// ```
///
/// # Errors
///
/// - [`CopyError::Invalid`] if a range ends past its buffer; then nothing has been done.
/// - [`CopyError::Xen`] with the number of bytes that were copied.
pub fn copy<H: Hypercall + ?Sized>(
    xen: &H,
    source: &[Source<'_>],
    from: usize,
    dest: &mut [Dest<'_>],
    to: usize,
    len: usize,
) -> Result<(), CopyError> {
    copy_with_retry(xen, source, from, dest, to, len, &mut NoRetry)
}

/// As [`copy`]. Segments with `GNTST_eagain` go to Xen again, in one more hypercall for each try that
/// `retry` makes. The tries are counted for the copy as a whole.
///
/// # Errors
///
/// As [`copy`].
pub fn copy_with_retry<H: Hypercall + ?Sized, R: Retry + ?Sized>(
    xen: &H,
    source: &[Source<'_>],
    from: usize,
    dest: &mut [Dest<'_>],
    to: usize,
    len: usize,
    retry: &mut R,
) -> Result<(), CopyError> {
    let mut rest = split(source, from, dest, to, len)?.peekable();
    let mut elements = elements::<AT_ONCE>();
    let mut tries = Tries::new(retry);
    let mut copied = 0;
    while rest.peek().is_some() {
        let mut segments: [_; AT_ONCE] =
            core::array::from_fn(|_| rest.next().unwrap_or(Segment::nothing()));
        rounds(xen, &mut segments, &mut elements, &mut tries);
        for segment in &segments {
            if let Some(Err(error)) = segment.result() {
                return Err(CopyError::Xen { copied, error });
            }
            copied += segment.len();
        }
    }
    Ok(())
}

/// Splits a copy into segments, none of which crosses a page's end at either side.
///
/// `len`, and the offsets `from` and `to` from the start of the first page, are in bytes.
///
/// ```
/// use xen_ops::{DomainId, RemoteGrant};
/// use xen_ops::gnttab::copy::{Dest, Source, split};
/// use xen_ops::xen_abi::grant_table::grant_ref_t;
/// use xen_ops::xen_abi::xen::domid_t;
///
/// let peer = DomainId::new(domid_t(1))?;
/// let grant = |number| RemoteGrant::new(peer, grant_ref_t(number));
/// let source = [8, 9].map(|number| Source::grant(grant(number)));
/// let mut dest = [20, 21].map(|number| Dest::grant(grant(number)));
/// let lengths: Vec<usize> =
///     split(&source, 100, &mut dest, 4000, 4000)?.map(|segment| segment.len()).collect();
/// assert_eq!(lengths, [96, 3900, 4]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Invalid::TooShort`] if a range ends past its buffer.
pub fn split<'a>(
    source: &'a [Source<'_>],
    from: usize,
    dest: &'a mut [Dest<'_>],
    to: usize,
    len: usize,
) -> Result<Split<'a>, Invalid> {
    for (pages, offset) in [(source.len(), from), (dest.len(), to)] {
        let size = pages.saturating_mul(PAGE_SIZE);
        if offset.checked_add(len).is_none_or(|end| end > size) {
            return Err(Invalid::TooShort { pages, offset, length: len });
        }
    }
    Ok(Split { source, from, dest, to, left: len })
}

/// The segments of a copy, in order. See [`split`].
#[derive(Debug)]
pub struct Split<'a> {
    source: &'a [Source<'a>],
    from: usize,
    dest: &'a [Dest<'a>],
    to: usize,
    left: usize,
}

impl<'a> Iterator for Split<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let (from, to) = (self.from % PAGE_SIZE, self.to % PAGE_SIZE);
        let len = self.left.min(PAGE_SIZE - from).min(PAGE_SIZE - to);
        if len == 0 {
            return None;
        }
        let source = self.source.get(self.from / PAGE_SIZE)?.end();
        let dest = self.dest.get(self.to / PAGE_SIZE)?.end();
        self.from += len;
        self.to += len;
        self.left -= len;
        Segment::of((source, from), (dest, to), len).ok()
    }
}
