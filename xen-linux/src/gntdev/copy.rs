//! Copies between memory of the process and grants of other domains.

#![allow(unsafe_code, reason = "an ioctl that reads and writes memory")]

use std::marker::PhantomData;

use xen_abi::grant_table::{GNTCOPY_dest_gref, GNTCOPY_source_gref, GrantCopyFlags};
use xen_abi::linux::gntdev::{
    IOCTL_GNTDEV_GRANT_COPY, gntdev_grant_copy_segment, gntdev_grant_copy_segment_source as End,
    gntdev_grant_copy_segment_source_foreign, ioctl_gntdev_grant_copy,
};
use xen_abi::{GrantStatus, PointerHandle};
use xen_ops::hypercall::UNTOUCHED;
use xen_ops::page::PAGE_SIZE;
use xen_ops::view::OutOfBounds;

use super::Gntdev;
use crate::{Cause, Error, RemoteGrant};

pub(crate) const COPY: &str = "IOCTL_GNTDEV_GRANT_COPY";

/// A range of bytes that is copied from or to another domain's grant, or from one grant to another. It
/// has the kernel's layout, so a slice of them is a batch.
///
/// At least one end is a grant. Memory of the process is borrowed; it may cross pages, and have any
/// alignment.
#[derive(Debug)]
#[repr(transparent)]
pub struct Segment<'a> {
    raw: gntdev_grant_copy_segment,
    memory: PhantomData<&'a mut [u8]>,
}

impl<'a> Segment<'a> {
    /// Copies from `offset` of `grant` into `to`.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`] if the range is not inside the grant's page.
    pub fn read(grant: RemoteGrant, offset: usize, to: &'a mut [u8]) -> Result<Self, OutOfBounds> {
        let (foreign, len) = foreign(grant, offset, to.len())?;
        let source = End::from_foreign(foreign);
        let virt = PointerHandle::from_mut_slice(to).cast();
        let dest = End::from_virt(virt);
        Ok(Self::new(source, dest, len, GNTCOPY_source_gref))
    }

    /// Copies `from` to `offset` of `grant`.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`] if the range is not inside the grant's page.
    pub fn write(from: &'a [u8], grant: RemoteGrant, offset: usize) -> Result<Self, OutOfBounds> {
        let (foreign, len) = foreign(grant, offset, from.len())?;
        let virt = PointerHandle::from_slice(from).cast();
        let source = End::from_virt(virt);
        let dest = End::from_foreign(foreign);
        Ok(Self::new(source, dest, len, GNTCOPY_dest_gref))
    }

    /// Copies `length` bytes from one grant to another, of the same domain or not. Each end is a grant and
    /// an offset in it.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`] if one of the ranges is not inside its page.
    pub fn between(
        (from, from_offset): (RemoteGrant, usize),
        (to, to_offset): (RemoteGrant, usize),
        length: usize,
    ) -> Result<Self, OutOfBounds> {
        let (source, _) = foreign(from, from_offset, length)?;
        let (dest, len) = foreign(to, to_offset, length)?;
        let source = End::from_foreign(source);
        let dest = End::from_foreign(dest);
        Ok(Self::new(source, dest, len, GNTCOPY_source_gref | GNTCOPY_dest_gref))
    }

    fn new(source: End, dest: End, len: u16, flags: GrantCopyFlags) -> Self {
        let mut raw = gntdev_grant_copy_segment::ZERO;
        (raw.source, raw.dest, raw.len, raw.flags) = (source, dest, len, flags);
        raw.status = UNTOUCHED;
        Self { raw, memory: PhantomData }
    }

    /// How many bytes it copies.
    #[must_use]
    pub fn len(&self) -> usize {
        self.raw.len.into()
    }

    /// Whether it copies no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.raw.len == 0
    }
}

/// The results of a copy, one for each segment.
#[derive(Debug)]
#[must_use = "a copy can succeed as a whole and fail in each segment"]
pub struct Copied<'s, 'a> {
    segments: &'s [Segment<'a>],
}

impl Copied<'_, '_> {
    /// The result of each segment, in order. Of a segment that failed, some bytes may have been copied.
    #[must_use]
    pub fn results(&self) -> impl ExactSizeIterator<Item = Result<(), GrantStatus>> {
        self.segments.iter().map(|segment| match segment.raw.status {
            status if status.is_okay() => Ok(()),
            status => Err(status),
        })
    }

    /// Checks that all segments were copied.
    ///
    /// # Errors
    ///
    /// [`Cause::Segment`] with the first segment that was not.
    pub fn all(&self) -> Result<(), Error> {
        for (segment, result) in self.results().enumerate() {
            result.map_err(|status| Error::new(COPY, Cause::Segment { segment, status }))?;
        }
        Ok(())
    }
}

/// A range in a grant as the kernel names it, and its length.
fn foreign(
    grant: RemoteGrant,
    offset: usize,
    length: usize,
) -> Result<(gntdev_grant_copy_segment_source_foreign, u16), OutOfBounds> {
    let (Ok(start), Ok(len)) = (u16::try_from(offset), u16::try_from(length)) else {
        return Err(OutOfBounds { offset, length });
    };
    if offset + length > PAGE_SIZE {
        return Err(OutOfBounds { offset, length });
    }
    let mut end = gntdev_grant_copy_segment_source_foreign::ZERO;
    (end.ref_, end.offset, end.domid) = (grant.reference, start, grant.domain.domid());
    Ok((end, len))
}

impl Gntdev {
    /// Copies the segments, with one system call. Each segment succeeds or fails on its own.
    ///
    /// There may be any number of segments; without any, no system call is made. The kernel hands them to
    /// Xen in small batches. If a frame is paged out the kernel retries, for up to half a minute a page,
    /// and then reports `GNTST_bad_page`. So `GNTST_eagain` is never a result, and retrying is not useful.
    ///
    /// ```no_run
    /// use xen_linux::{DomainId, Gntdev, RemoteGrant, Segment, domid_t, grant_ref_t};
    ///
    /// let gntdev = Gntdev::open()?;
    /// let frontend = DomainId::new(domid_t(3))?;
    /// let header = RemoteGrant::new(frontend, grant_ref_t(8));
    /// let data = RemoteGrant::new(frontend, grant_ref_t(9));
    /// let (mut first, mut second) = ([0; 16], vec![0; 4096]);
    /// gntdev
    ///     .copy(&mut [
    ///         Segment::read(header, 64, &mut first)?,
    ///         Segment::read(data, 0, &mut second)?,
    ///         Segment::write(b"done", header, 128)?,
    ///     ])?
    ///     .all()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Cause::Unsupported`] if the kernel is too old for it.
    /// - The kernel's error number: EFAULT, ENOMEM. Then any of the segments may have been copied, and
    ///   there are no results.
    pub fn copy<'s, 'a>(&self, segments: &'s mut [Segment<'a>]) -> Result<Copied<'s, 'a>, Error> {
        if segments.is_empty() {
            return Ok(Copied { segments });
        }
        let (count, max) = (segments.len(), u32::MAX as usize);
        let mut argument = ioctl_gntdev_grant_copy::ZERO;
        argument.count = u32::try_from(count)
            .map_err(|_| Error::new(COPY, Cause::Count { count, min: 0, max }))?;
        // A status from before says nothing about this copy.
        segments.iter_mut().for_each(|segment| segment.raw.status = UNTOUCHED);
        argument.segments = PointerHandle::from_mut_slice(segments).cast();
        // SAFETY: segments have the kernel's layout, and are borrowed. They borrow the memory that they
        // name, destinations exclusively. The pages of grants are other domains'.
        unsafe { self.device.ioctl_again(COPY, IOCTL_GNTDEV_GRANT_COPY, &raw mut argument) }?;
        Ok(Copied { segments })
    }
}

#[cfg(test)]
mod tests {
    use xen_abi::grant_table::{GNTST_bad_gntref, GNTST_okay, grant_ref_t};
    use xen_abi::xen::domid_t;
    use xen_abi::{as_bytes, from_bytes};

    use super::*;
    use crate::DomainId;
    use crate::testing::memory;

    fn grant(domain: u16, number: u32) -> RemoteGrant {
        RemoteGrant::new(DomainId::new(domid_t(domain)).unwrap(), grant_ref_t(number))
    }

    /// Both ends, read as grants: reference, offset, domain.
    fn ends(segment: &Segment<'_>) -> [(u32, u16, u16); 2] {
        let raw = as_bytes(&segment.raw);
        [0, 8].map(|at| {
            let word = |from: usize| from_bytes::<u16>(&raw[at + from..at + from + 2]).unwrap();
            (from_bytes(&raw[at..at + 4]).unwrap(), word(4), word(6))
        })
    }

    /// The address in the end at this offset.
    fn address(segment: &Segment<'_>, at: usize) -> usize {
        let raw = as_bytes(&segment.raw);
        from_bytes(&raw[at..at + size_of::<usize>()]).unwrap()
    }

    #[test]
    fn each_end_is_a_grant_or_an_address() {
        let mut buffer = [0; 100];
        let start = buffer.as_ptr().addr();
        let segment = Segment::read(grant(3, 8), 3996, &mut buffer).unwrap();
        assert_eq!((ends(&segment)[0], address(&segment, 8)), ((8, 3996, 3), start));
        assert_eq!((segment.raw.flags, segment.raw.len), (GNTCOPY_source_gref, 100));
        let segment = Segment::write(&buffer, grant(4, 9), 0).unwrap();
        assert_eq!((address(&segment, 0), ends(&segment)[1]), (start, (9, 0, 4)));
        assert_eq!((segment.raw.flags, segment.raw.len), (GNTCOPY_dest_gref, 100));
        let segment = Segment::between((grant(3, 8), 1), (grant(4, 9), 2), 4094).unwrap();
        assert_eq!(ends(&segment), [(8, 1, 3), (9, 2, 4)]);
        let flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
        assert_eq!((segment.raw.flags, segment.len()), (flags, 4094));
    }

    #[test]
    fn a_range_that_is_not_inside_the_page_is_refused() {
        let mut buffer = vec![0; 70_000];
        let grant = grant(3, 8);
        for (offset, length) in [(4096, 1), (0, 4097), (1, 4096), (usize::MAX, 1), (0, 65_537)] {
            let outside = OutOfBounds { offset, length };
            let to = &mut buffer[..length];
            assert_eq!(Segment::read(grant, offset, to).unwrap_err(), outside);
            let from = &buffer[..length];
            assert_eq!(Segment::write(from, grant, offset).unwrap_err(), outside);
        }
        let outside = OutOfBounds { offset: 4000, length: 97 };
        for (from, to) in [(4000, 0), (0, 4000)] {
            assert_eq!(Segment::between((grant, from), (grant, to), 97).unwrap_err(), outside);
        }
        assert!(Segment::read(grant, 4096, &mut []).unwrap().is_empty());
        assert!(!Segment::read(grant, 0, &mut buffer[..4096]).unwrap().is_empty());
    }

    #[test]
    fn each_segment_has_a_result() {
        let mut segments = [0, 1, 2].map(|at| Segment::write(&[1], grant(3, at), 0).unwrap());
        let mut copied = |statuses: [GrantStatus; 3]| {
            for (segment, status) in segments.iter_mut().zip(statuses) {
                segment.raw.status = status;
            }
            let copied = Copied { segments: &segments };
            (copied.results().collect::<Vec<_>>(), copied.all())
        };
        assert_eq!(copied([GNTST_okay; 3]), (vec![Ok(()); 3], Ok(())));
        // A status that Xen does not define, and one that was not written, are failures.
        for status in [GNTST_bad_gntref, GrantStatus(1), UNTOUCHED] {
            let (results, all) = copied([GNTST_okay, status, GNTST_bad_gntref]);
            assert_eq!(results, [Ok(()), Err(status), Err(GNTST_bad_gntref)]);
            assert_eq!(all, Err(Error::new(COPY, Cause::Segment { segment: 1, status })));
        }
    }

    #[test]
    fn every_copy_begins_without_a_status() {
        let (device, _) = memory("copy", 0);
        let mut segment = Segment::write(&[1], grant(3, 8), 0).unwrap();
        segment.raw.status = GNTST_okay;
        let error = Gntdev { device }.copy(std::slice::from_mut(&mut segment)).unwrap_err();
        assert_eq!(error, Error::new(COPY, Cause::Unsupported));
        assert_eq!(segment.raw.status, UNTOUCHED);
    }

    #[test]
    fn an_empty_copy_makes_no_system_call() {
        let (device, _) = memory("copy-nothing", 0);
        assert_eq!(Gntdev { device }.copy(&mut []).unwrap().all(), Ok(()));
    }
}
