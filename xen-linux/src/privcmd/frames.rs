//! Frames of other domains.

#![allow(unsafe_code, reason = "an ioctl, and views of mapped memory")]

use std::marker::PhantomData;
use std::ops::RangeInclusive;

use rustix::io::Errno;
use rustix::param::page_size;
use xen_abi::PointerHandle;
use xen_abi::linux::privcmd::{IOCTL_PRIVCMD_MMAPBATCH_V2, privcmd_mmapbatch_v2};
use xen_abi::xen::xen_pfn_t;
use xen_ops::Failed;
use xen_ops::page::PAGE_SIZE;

use super::Privcmd;
use crate::mmap_region::{MmapRegion, prot};
use crate::{Access, Cause, DomainId, Error, View};

/// How many frames can be mapped at once: as many as the kernel counts, and the address space has.
const MAX_FRAMES_PER_MAP: usize =
    if usize::BITS > 32 { i32::MAX as usize } else { usize::MAX / PAGE_SIZE };

const MAP: &str = "IOCTL_PRIVCMD_MMAPBATCH_V2";

/// The kernel's error of a frame that is paged out. Frames that the kernel has not tried have it too.
const PAGED_OUT: i32 = -Errno::NOENT.raw_os_error();

/// The kernel's possible results for a frame: 0, or a negative error number.
const ERRORS: RangeInclusive<i32> = -4095..=0;

/// Frames of another domain that are mapped into this process, one after the other, unmapped when the
/// value is dropped. Each frame is mapped, or has an error.
///
/// It keeps the device open. In a child it has no frames, and leaves the parent's alone: see
/// [the crate](crate#fork).
#[derive(Debug)]
#[must_use = "frames that are dropped are unmapped"]
pub struct Frames<A: Access> {
    region: MmapRegion,
    domain: DomainId,
    frames: Box<[xen_pfn_t]>,
    /// For each frame one of [`ERRORS`].
    errors: Box<[i32]>,
    access: PhantomData<A>,
}

impl Privcmd {
    /// Maps `frames` of `domain`: guest frames if it is translated, machine frames if it is a PV domain.
    /// They need not be consecutive, and a frame can be mapped twice.
    ///
    /// A frame that cannot be mapped is no error here: [`Frames::all`] reports it, and [`Frames::error`]
    /// that of each frame.
    ///
    /// `IOCTL_PRIVCMD_MMAPBATCH_V2`.
    ///
    /// ```no_run
    /// use xen_linux::{DomainId, Privcmd, ReadOnly, domid_t, xen_pfn_t};
    ///
    /// let xen = Privcmd::open()?;
    /// let domain = DomainId::new(domid_t(3))?;
    /// let frames = xen.map_frames(domain, &[xen_pfn_t(0x1000)], ReadOnly)?;
    /// frames.all()?;
    /// let word: u32 = frames.frame(0).ok_or("no frame")?.read_obj(0)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Cause::Count`] if there are no frames, or more than fit into the address space.
    /// - EIO if the kernel's results for the frames are invalid, which happens where a translated control
    ///   domain is short of memory. None is mapped then.
    /// - The kernel's error number: ENOMEM, EPERM (restricted to another domain).
    pub fn map_frames<A: Access>(
        &self,
        domain: DomainId,
        frames: &[xen_pfn_t],
        _: A,
    ) -> Result<Frames<A>, Error> {
        let size = size_of_frames(MAP, frames.len())?;
        let region = MmapRegion::map(&self.device, 0, size, prot::<A>())?;
        let errors = vec![PAGED_OUT; frames.len()].into();
        let frames = frames.into();
        let mut mapped = Frames { region, domain, frames, errors, access: PhantomData };
        mapped.attempt(0, mapped.count())?;
        Ok(mapped)
    }
}

impl<A: Access> Frames<A> {
    /// How many frames were requested.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.frames.len()
    }

    /// Frame `index` of the requested ones, counted from 0; `None` if it is not mapped, past the last, and
    /// in a child.
    #[must_use]
    pub fn frame(&self, index: usize) -> Option<View<'_, A>> {
        if self.errors.get(index) != Some(&0) || !self.region.device().is_own() {
            return None;
        }
        // SAFETY: the region has a page for each frame, and this one is mapped, with the access `A`, for
        // as long as the borrow. Other users of it use views, or are other domains.
        Some(unsafe { View::new(self.region.base().add(index * PAGE_SIZE)) })
    }

    /// Why frame `index` is not mapped; `None` if it is, and past the last. ENOENT: the domain's memory is
    /// paged out there, and Xen is [paging it in](Self::retry). EINVAL: there is no such frame. Xen has
    /// others.
    #[must_use]
    pub fn error(&self, index: usize) -> Option<Errno> {
        match self.errors.get(index) {
            None | Some(0) => None,
            Some(error) => Some(Errno::from_raw_os_error(error.saturating_abs())),
        }
    }

    /// Checks that all frames are mapped.
    ///
    /// # Errors
    ///
    /// [`Cause::Frame`] with the first frame that is not.
    pub fn all(&self) -> Result<(), Error> {
        let domid = self.domain.domid();
        let failed = |(frame, &number)| {
            Some(Cause::Frame { frame, domid, number, errno: self.error(frame)? })
        };
        let first = self.frames.iter().enumerate().find_map(failed);
        first.map_or(Ok(()), |cause| Err(Error::new(MAP, cause)))
    }

    /// Address of the first frame. Those that are not mapped must not be accessed.
    #[must_use]
    pub const fn as_ptr(&self) -> *mut u8 {
        self.region.base().as_ptr()
    }

    /// Bytes of address space that the frames take.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.region.size()
    }

    /// Maps frames that were paged out, if they are paged in again. Returns how many are still out.
    ///
    /// Paging in takes time, so retrying at once is of little use. It works in PV control domains: in a
    /// translated one the kernel cannot map a part of a region again. There, and after an attempt that
    /// failed, map the frames anew.
    ///
    /// # Errors
    ///
    /// - [`Cause::KernelPages`] on a kernel whose pages are larger than frames: it cannot map a part of a
    ///   region again. Map the frames anew.
    /// - The kernel's error number. Frames that are mapped stay mapped.
    pub fn retry(&mut self) -> Result<usize, Error> {
        let size = page_size();
        let mut rest = 0;
        while let Some((first, count)) = run(&self.errors, rest) {
            if size != PAGE_SIZE {
                return Err(Error::new(MAP, Cause::KernelPages { size }));
            }
            self.attempt(first, count)?;
            rest = first + count;
        }
        Ok(self.errors.iter().filter(|&&error| error == PAGED_OUT).count())
    }

    /// Maps `count` frames from `first` on, none of which is mapped.
    fn attempt(&mut self, first: usize, count: usize) -> Result<(), Error> {
        let range = first..first + count;
        let mut argument = privcmd_mmapbatch_v2::ZERO;
        argument.num = count as u32;
        argument.dom = self.domain.domid();
        argument.addr = (self.region.base().addr().get() + first * PAGE_SIZE) as u64;
        argument.arr = PointerHandle::from_slice(&self.frames[range.clone()]);
        let errors = &mut self.errors[range];
        argument.err = PointerHandle::from_mut_slice(errors);
        let opcode = IOCTL_PRIVCMD_MMAPBATCH_V2;
        // SAFETY: the range is inside the region, and inside both lists, which are as long as it is. There
        // is no view of a frame that is not mapped.
        let mapped = unsafe { self.region.device().ioctl(MAP, opcode, &raw mut argument) };
        settle(mapped.map(drop), errors)
    }

    /// Unmaps the frames. Dropping the value does the same, without a report.
    ///
    /// # Errors
    ///
    /// The kernel's error number, after two attempts. The frames are still mapped, and returned.
    pub fn unmap(self) -> Result<(), Failed<Error, Self>> {
        let Self { region, domain, frames, errors, access } = self;
        let returned = |region| Self { region, domain, frames, errors, access };
        region.unmap().map_err(|failed| failed.map(returned))
    }
}

/// The result for frames for which the kernel has written `errors`. After a failure none of them counts as
/// mapped, whatever it has written.
fn settle(mapped: Result<(), Error>, errors: &mut [i32]) -> Result<(), Error> {
    let settled = match mapped {
        Err(error) if error.as_errno() != Some(Errno::NOENT) => Err(error),
        // In a translated domain that is short of memory, Linux reports success and leaves parts of the
        // frames' numbers there. Then a 0 is not a success either.
        _ if errors.iter().any(|error| !ERRORS.contains(error)) => {
            Err(Error::new(MAP, Cause::Errno(Errno::IO)))
        }
        _ => Ok(()),
    };
    if settled.is_err() {
        errors.fill(PAGED_OUT);
    }
    settled
}

/// The first consecutive frames that are paged out, from `rest` on: the first of them, and how many.
fn run(errors: &[i32], rest: usize) -> Option<(usize, usize)> {
    let rest = errors.iter().enumerate().skip(rest);
    let mut out = rest.skip_while(|&(_, &error)| error != PAGED_OUT);
    let (first, _) = out.next()?;
    Some((first, 1 + out.take_while(|&(_, &error)| error == PAGED_OUT).count()))
}

/// Bytes in `count` frames, if so many can be mapped.
pub(super) fn size_of_frames(operation: &'static str, count: usize) -> Result<usize, Error> {
    let max = MAX_FRAMES_PER_MAP;
    if (1..=max).contains(&count) {
        Ok(count * PAGE_SIZE)
    } else {
        Err(Error::new(operation, Cause::Count { count, min: 1, max }))
    }
}

#[cfg(test)]
mod tests {
    use xen_abi::xen::domid_t;

    use super::*;
    use crate::ReadWrite;
    use crate::testing::{in_child, memory};

    const EINVAL: i32 = -Errno::INVAL.raw_os_error();

    /// Frames for which the kernel has written these.
    fn frames(name: &str, errors: &[i32]) -> Frames<ReadWrite> {
        let size = size_of_frames(MAP, errors.len()).unwrap();
        let (device, _) = memory(name, size);
        Frames {
            region: MmapRegion::map(&device, 0, size, prot::<ReadWrite>()).unwrap(),
            domain: DomainId::new(domid_t(3)).unwrap(),
            frames: (0..errors.len()).map(|frame| xen_pfn_t(frame as _)).collect(),
            errors: errors.into(),
            access: PhantomData,
        }
    }

    #[test]
    fn frames_that_are_not_mapped_have_no_view() {
        let frames = frames("seen", &[0, PAGED_OUT, EINVAL, 0]);
        let is_seen = |index| frames.frame(index).is_some();
        assert_eq!([0, 1, 2, 3, 4].map(is_seen), [true, false, false, true, false]);
        let errors = [0, 1, 2, 4].map(|index| frames.error(index));
        assert_eq!(errors, [None, Some(Errno::NOENT), Some(Errno::INVAL), None]);
        let text = frames.all().unwrap_err().to_string();
        let expected = "frame 0x1 of domain 3, number 1 of the list: No such file";
        assert!(text.contains(expected), "{text}");
        frames.frame(3).unwrap().write(4095, &[5]).unwrap();
        assert_eq!(frames.size(), 4 * PAGE_SIZE);
        // SAFETY: mapped, and no thread writes.
        assert_eq!(unsafe { frames.as_ptr().add(4 * PAGE_SIZE - 1).read() }, 5);
        in_child(|| assert!(frames.frame(0).is_none()));
    }

    #[test]
    fn mapped_frames_are_not_retried() {
        let mut frames = frames("there", &[0, EINVAL]);
        assert_eq!(frames.retry(), Ok(0));
        assert_eq!(frames.errors[..], [0, EINVAL]);
    }

    /// The device takes no ioctl, and may have written anything before its answer.
    #[test]
    fn a_failure_maps_nothing() {
        let mut frames = frames("again", &[0, PAGED_OUT, PAGED_OUT]);
        assert_eq!(frames.retry(), Err(Error::new(MAP, Cause::Unsupported)));
        assert_eq!(frames.errors[..], [0, PAGED_OUT, PAGED_OUT]);
        frames.errors[1..].fill(0);
        assert_eq!(frames.attempt(1, 2), Err(Error::new(MAP, Cause::Unsupported)));
        assert_eq!(frames.errors[..], [0, PAGED_OUT, PAGED_OUT]);
    }

    /// Parts of the frames' numbers are neither error numbers nor success.
    #[test]
    fn an_invalid_result_maps_nothing() {
        for wrong in [1, 74_565, -4096, i32::MIN, i32::MAX] {
            let mut frames = frames("wrong-numbers", &[0, wrong, EINVAL]);
            let eio = Error::new(MAP, Cause::Errno(Errno::IO));
            let paged_out = || Err(Error::new(MAP, Cause::Errno(Errno::NOENT)));
            assert_eq!(settle(paged_out(), &mut frames.errors.clone()), Err(eio.clone()));
            assert_eq!(settle(Ok(()), &mut frames.errors), Err(eio));
            assert_eq!(frames.errors[..], [PAGED_OUT; 3]);
            let error = frames.all().unwrap_err();
            assert!(matches!(error.cause(), Cause::Frame { frame: 0, errno: Errno::NOENT, .. }));
            assert!(frames.frame(0).is_none());
        }
        let mut errors = [0, -4095, EINVAL, PAGED_OUT];
        assert_eq!(settle(Ok(()), &mut errors), Ok(()));
        assert_eq!(errors, [0, -4095, EINVAL, PAGED_OUT]);
    }

    #[test]
    fn runs_are_found() {
        let errors = [PAGED_OUT, 0, PAGED_OUT, PAGED_OUT, EINVAL, PAGED_OUT];
        assert_eq!(run(&errors, 0), Some((0, 1)));
        assert_eq!(run(&errors, 1), Some((2, 2)));
        assert_eq!(run(&errors, 4), Some((5, 1)));
        assert_eq!(run(&errors, 6), None);
    }
}
