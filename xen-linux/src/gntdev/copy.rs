//! Copies from and to other domains' grants.

#![allow(unsafe_code, reason = "an ioctl that reads and writes memory")]

use std::marker::PhantomData;

use xen_abi::grant_table::{GNTCOPY_dest_gref, GNTCOPY_source_gref};
use xen_abi::linux::gntdev::{
    IOCTL_GNTDEV_GRANT_COPY, gntdev_grant_copy_segment, gntdev_grant_copy_segment_dest,
    gntdev_grant_copy_segment_source, gntdev_grant_copy_segment_source_foreign,
    ioctl_gntdev_grant_copy,
};
use xen_abi::{GrantStatus, GuestHandle};
use xen_ops::gnttab::foreign::Foreign;
use xen_ops::hypercall::UNTOUCHED;
use xen_ops::page::PAGE_SIZE;
use xen_ops::view::OutOfPage;

use super::Gntdev;
use crate::{Cause, Error};

const COPY: &str = "IOCTL_GNTDEV_GRANT_COPY";

/// A range of bytes that is copied from or to another domain's grant, or from one grant to another;
/// and what has become of that. It is what the kernel takes, so that a slice of them is a batch.
///
/// From the process' own memory to its own there is no such copy. What the process has at either end
/// is borrowed, and may be as it likes: in several pages, and at any alignment.
#[derive(Debug)]
#[repr(transparent)]
pub struct Segment<'a> {
    raw: gntdev_grant_copy_segment,
    memory: PhantomData<&'a mut [u8]>,
}

impl<'a> Segment<'a> {
    /// Copies into `to`, from `offset` of `grant` on.
    ///
    /// # Errors
    ///
    /// [`OutOfPage`] if the range leaves the grant's page.
    pub fn read(grant: Foreign, offset: usize, to: &'a mut [u8]) -> Result<Self, OutOfPage> {
        let (foreign, len) = foreign(grant, offset, to.len())?;
        let source = gntdev_grant_copy_segment_source::from_foreign(foreign);
        let virt = GuestHandle::from_mut_slice(to).cast();
        let dest = gntdev_grant_copy_segment_dest::from_virt(virt);
        Ok(Self::new(source, dest, len, GNTCOPY_source_gref))
    }

    /// Copies `from` to `offset` of `grant` and on.
    ///
    /// # Errors
    ///
    /// [`OutOfPage`] if the range leaves the grant's page.
    pub fn write(from: &'a [u8], grant: Foreign, offset: usize) -> Result<Self, OutOfPage> {
        let (foreign, len) = foreign(grant, offset, from.len())?;
        let virt = GuestHandle::from_slice(from).cast();
        let source = gntdev_grant_copy_segment_source::from_virt(virt);
        let dest = gntdev_grant_copy_segment_dest::from_foreign(foreign);
        Ok(Self::new(source, dest, len, GNTCOPY_dest_gref))
    }

    /// Copies `length` bytes from one grant to another, which may be of another domain: each end is a
    /// grant and an offset in it.
    ///
    /// # Errors
    ///
    /// [`OutOfPage`] if one of the ranges leaves its page.
    pub fn between(
        (from, from_offset): (Foreign, usize),
        (to, to_offset): (Foreign, usize),
        length: usize,
    ) -> Result<Self, OutOfPage> {
        let (source, _) = foreign(from, from_offset, length)?;
        let (dest, len) = foreign(to, to_offset, length)?;
        let source = gntdev_grant_copy_segment_source::from_foreign(source);
        let dest = gntdev_grant_copy_segment_dest::from_foreign(dest);
        Ok(Self::new(source, dest, len, GNTCOPY_source_gref | GNTCOPY_dest_gref))
    }

    fn new(
        source: gntdev_grant_copy_segment_source,
        dest: gntdev_grant_copy_segment_dest,
        len: u16,
        flags: u16,
    ) -> Self {
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

    /// Whether it was copied, or `None` if nobody knows: no copy was made of it, or one that failed as
    /// a whole.
    ///
    /// # Errors
    ///
    /// Inside: why it was not copied. Some of its bytes may have been.
    #[must_use]
    pub fn result(&self) -> Option<Result<(), GrantStatus>> {
        match self.raw.status {
            UNTOUCHED => None,
            status if status.is_okay() => Some(Ok(())),
            status => Some(Err(status)),
        }
    }

    fn forget_result(&mut self) {
        self.raw.status = UNTOUCHED;
    }
}

/// A range in a grant as the kernel names it, and its length.
fn foreign(
    grant: Foreign,
    offset: usize,
    length: usize,
) -> Result<(gntdev_grant_copy_segment_source_foreign, u16), OutOfPage> {
    let (Ok(start), Ok(len)) = (u16::try_from(offset), u16::try_from(length)) else {
        return Err(OutOfPage { offset, length });
    };
    if offset + length > PAGE_SIZE {
        return Err(OutOfPage { offset, length });
    }
    let mut end = gntdev_grant_copy_segment_source_foreign::ZERO;
    (end.ref_, end.offset, end.domid) = (grant.reference, start, grant.peer.domain());
    Ok((end, len))
}

impl Gntdev {
    /// Copies every segment, each for itself, with one system call, and returns how many of them were
    /// copied. [`Segment::result`] says which, and why not.
    ///
    /// There is no limit to how many there are; none is no system call. The kernel hands them to Xen in
    /// small batches, and tries again itself where a frame is paged out: for half a minute at most,
    /// after which the status is `GNTST_bad_page`. So `GNTST_eagain` does not come back, and a copy
    /// takes as long as that at worst.
    ///
    /// # Errors
    ///
    /// What the kernel says: EFAULT, ENOMEM. Some segments may have been copied then, others not, and
    /// the kernel does not say which, so that no segment has a result.
    pub fn copy(&self, segments: &mut [Segment<'_>]) -> Result<usize, Error> {
        if segments.is_empty() {
            return Ok(0);
        }
        let most = u32::MAX as usize;
        let count = u32::try_from(segments.len()).map_err(|_| {
            Error::new(COPY, Cause::Count { count: segments.len(), least: 0, most })
        })?;
        segments.iter_mut().for_each(Segment::forget_result);
        let mut argument = ioctl_gntdev_grant_copy::ZERO;
        argument.count = count;
        argument.segments = GuestHandle::from_mut_slice(segments).cast();
        // SAFETY: a segment is what the kernel takes, and they are borrowed. They borrow the memory that
        // they name, the destinations for nobody else to see. Whoever fills the sources of others
        // meanwhile is another domain.
        let result =
            unsafe { self.device.ioctl_again(COPY, IOCTL_GNTDEV_GRANT_COPY, &raw mut argument) };
        if let Err(error) = result {
            // It sets them to success before it copies.
            segments.iter_mut().for_each(Segment::forget_result);
            return Err(error);
        }
        Ok(segments.iter().filter(|segment| segment.result() == Some(Ok(()))).count())
    }
}
