//! Frames of other domains.

#![allow(unsafe_code, reason = "an ioctl, and views of what is mapped")]

use std::marker::PhantomData;
use std::ops::RangeInclusive;

use rustix::io::Errno;
use rustix::param::page_size;
use xen_abi::PointerHandle;
use xen_abi::linux::privcmd::{IOCTL_PRIVCMD_MMAPBATCH_V2, privcmd_mmapbatch_v2};
use xen_abi::xen::xen_pfn_t;
use xen_ops::gnttab::{Access, DomainId};
use xen_ops::page::PAGE_SIZE;
use xen_ops::view::View;

use super::Privcmd;
use crate::mmap_region::{MmapRegion, rights};
use crate::wide::wide;
use crate::{Cause, Error};

/// How many frames can be mapped at once: as many as the kernel counts, and the address space has.
const MOST: usize = if usize::BITS > 32 { i32::MAX as usize } else { usize::MAX / PAGE_SIZE };

const MAP: &str = "IOCTL_PRIVCMD_MMAPBATCH_V2";

/// What the kernel says of a frame that is paged out, and what is said of one that it was not asked for.
const PAGED_OUT: i32 = -Errno::NOENT.raw_os_error();

/// What the kernel can say of a frame: 0, or a negative error number.
const ERRORS: RangeInclusive<i32> = -4095..=0;

/// Frames of another domain that are mapped into this process, one behind the other, unmapped when the
/// value goes. Each is there or is not, and then the kernel has said why.
///
/// It keeps the device open. In a child it gives no frames, and leaves the parent's alone: see
/// [the crate](crate#fork).
#[derive(Debug)]
#[must_use = "frames that are dropped are unmapped"]
pub struct Frames<A: Access> {
    area: MmapRegion,
    peer: DomainId,
    frames: Box<[xen_pfn_t]>,
    /// For each frame one of [`ERRORS`].
    errors: Box<[i32]>,
    access: PhantomData<A>,
}

impl Privcmd {
    /// Maps `frames` of `peer`: guest frames if it is translated, machine frames if it is a PV domain.
    /// Ranges need not be in a row, and a frame can be there twice.
    ///
    /// That some frames cannot be mapped is no error here: [`Frames::all`] says so, and
    /// [`Frames::error`] of each.
    ///
    /// `IOCTL_PRIVCMD_MMAPBATCH_V2`.
    ///
    /// ```no_run
    /// use xen_linux::privcmd::Privcmd;
    /// use xen_linux::xen_abi::xen::{domid_t, xen_pfn_t};
    /// use xen_linux::xen_ops::gnttab::DomainId;
    /// use xen_linux::xen_ops::view::ReadOnly;
    ///
    /// let xen = Privcmd::open()?;
    /// let frames = xen.map::<ReadOnly>(DomainId::new(domid_t(3))?, &[xen_pfn_t(0x1000)])?;
    /// frames.all()?;
    /// let word: u32 = frames.frame(0).ok_or("no frame")?.read_obj(0)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Cause::Count`] if there are no frames, or more than fit into the address space.
    /// - EIO if what the kernel says of the frames makes no sense, as where a translated control domain is
    ///   short of memory. None is mapped then.
    /// - What the kernel says: ENOMEM, EPERM (restricted to another domain).
    pub fn map<A: Access>(&self, peer: DomainId, frames: &[xen_pfn_t]) -> Result<Frames<A>, Error> {
        let length = length(MAP, frames.len())?;
        let area = MmapRegion::map(&self.device, 0, length, rights::<A>())?;
        let errors = vec![PAGED_OUT; frames.len()].into();
        let mut mapped = Frames { area, peer, frames: frames.into(), errors, access: PhantomData };
        mapped.attempt(0, frames.len())?;
        Ok(mapped)
    }
}

impl<A: Access> Frames<A> {
    /// How many frames were asked for.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.frames.len()
    }

    /// Frame `index` of those asked for, counted from 0, or `None` if there are not so many or it is not
    /// mapped. A child has none.
    #[must_use]
    pub fn frame(&self, index: usize) -> Option<View<'_, A>> {
        if self.errors.get(index) != Some(&0) || !self.area.device().is_own() {
            return None;
        }
        // SAFETY: the area has a page for each frame, and this one is mapped, with the rights of `A`, for
        // as long as the borrow. Whoever else looks at it does so through a view, or is another domain.
        Some(unsafe { View::new(self.area.base().add(index * PAGE_SIZE)) })
    }

    /// Why frame `index` is not mapped, or `None` if it is or there are not so many: ENOENT if the domain's
    /// memory is paged out there, and it is being brought [back](Self::try_again); EINVAL if there is no
    /// such frame; others that Xen has.
    #[must_use]
    pub fn error(&self, index: usize) -> Option<Errno> {
        match self.errors.get(index) {
            None | Some(0) => None,
            Some(error) => Some(Errno::from_raw_os_error(error.saturating_abs())),
        }
    }

    /// That all frames are mapped.
    ///
    /// # Errors
    ///
    /// [`Cause::Frame`], with the first that is not.
    pub fn all(&self) -> Result<(), Error> {
        let domid = self.domain.domid();
        let failed = |(frame, &number)| {
            Some(Cause::Frame { frame, domid, number, errno: self.error(frame)? })
        };
        let first = self.frames.iter().enumerate().find_map(failed);
        first.map_or(Ok(()), |cause| Err(Error::new(MAP, cause)))
    }

    /// Maps the frames that were paged out, if they are back. How many are still out.
    ///
    /// To ask again at once is of little use: somebody has to bring them back. It is for PV control
    /// domains: in translated ones the kernel cannot map a part of an area again. There, and after a try
    /// that failed, map the frames anew.
    ///
    /// # Errors
    ///
    /// - [`Cause::KernelPages`] on a kernel whose pages are larger than frames: it takes no part of one
    ///   again. Map them anew.
    /// - What the kernel says; frames that are mapped stay so.
    pub fn try_again(&mut self) -> Result<usize, Error> {
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
        argument.addr = wide((self.area.base().as_ptr().addr() + first * PAGE_SIZE) as u64);
        argument.arr = PointerHandle::from_slice(&self.frames[range.clone()]);
        let errors = &mut self.errors[range];
        argument.err = PointerHandle::from_mut_slice(errors);
        let opcode = IOCTL_PRIVCMD_MMAPBATCH_V2;
        // SAFETY: the range is inside the area, and inside both lists, which are as long as it is. Nobody
        // has a view of what is not mapped.
        let mapped = unsafe { self.area.device().ioctl(MAP, opcode, &raw mut argument) };
        settle(mapped.map(drop), errors)
    }

    /// Unmaps, and says whether that worked. If not, they stay until the process ends.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn unmap(self) -> Result<(), Error> {
        self.area.unmap()
    }
}

/// What came of frames that the kernel has said `errors` of. Without success none of them counts as
/// mapped, whatever it has said.
fn settle(mapped: Result<(), Error>, errors: &mut [i32]) -> Result<(), Error> {
    let settled = match mapped {
        Err(error) if error.as_errno() != Some(Errno::NOENT) => Err(error),
        // Linux on a translated domain that is short of memory calls it success, and leaves parts of
        // the frames' numbers there. Then a 0 is no success either.
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

/// The first and the number of frames in a row that are paged out, from `rest` on.
fn run(errors: &[i32], rest: usize) -> Option<(usize, usize)> {
    let rest = errors.iter().enumerate().skip(rest);
    let mut out = rest.skip_while(|&(_, &error)| error != PAGED_OUT);
    let (first, _) = out.next()?;
    Some((first, 1 + out.take_while(|&(_, &error)| error == PAGED_OUT).count()))
}

/// Bytes in `count` frames, if so many can be mapped.
pub(super) fn length(operation: &'static str, count: usize) -> Result<usize, Error> {
    if (1..=MOST).contains(&count) {
        Ok(count * PAGE_SIZE)
    } else {
        Err(Error::new(operation, Cause::Count { count, least: 1, most: MOST }))
    }
}

#[cfg(test)]
mod tests {
    use xen_abi::xen::domid_t;
    use xen_ops::view::ReadWrite;

    use super::*;
    use crate::testing::{in_child, memory};

    const EINVAL: i32 = -Errno::INVAL.raw_os_error();

    /// Frames of which the kernel has said these.
    fn frames(name: &str, errors: &[i32]) -> Frames<ReadWrite> {
        let length = length(MAP, errors.len()).unwrap();
        let (device, _) = memory(name, length);
        Frames {
            area: MmapRegion::map(&device, 0, length, rights::<ReadWrite>()).unwrap(),
            peer: DomainId::new(domid_t(3)).unwrap(),
            frames: (0..errors.len()).map(|frame| xen_pfn_t(frame as _)).collect(),
            errors: errors.into(),
            access: PhantomData,
        }
    }

    #[test]
    fn what_is_not_mapped_is_not_seen() {
        let frames = frames("seen", &[0, PAGED_OUT, EINVAL, 0]);
        let is_seen = |index| frames.frame(index).is_some();
        assert_eq!([0, 1, 2, 3, 4].map(is_seen), [true, false, false, true, false]);
        let errors = [0, 1, 2, 4].map(|index| frames.error(index));
        assert_eq!(errors, [None, Some(Errno::NOENT), Some(Errno::INVAL), None]);
        let text = frames.all().unwrap_err().to_string();
        let expected = "frame 0x1 of domain 3, number 1 of the list: No such file";
        assert!(text.contains(expected), "{text}");
        frames.frame(3).unwrap().write(4095, &[5]).unwrap();
        // SAFETY: mapped, and nobody writes.
        assert_eq!(unsafe { frames.area.base().add(4 * PAGE_SIZE - 1).read() }, 5);
        in_child(|| assert!(frames.frame(0).is_none()));
    }

    #[test]
    fn what_is_there_needs_no_call() {
        let mut frames = frames("there", &[0, EINVAL]);
        assert_eq!(frames.try_again(), Ok(0));
        assert_eq!(frames.errors[..], [0, EINVAL]);
    }

    /// The device takes no ioctl, and may have written what it likes before it said so.
    #[test]
    fn a_failure_maps_nothing() {
        let mut frames = frames("again", &[0, PAGED_OUT, PAGED_OUT]);
        assert_eq!(frames.try_again(), Err(Error::new(MAP, Cause::Unsupported)));
        assert_eq!(frames.errors[..], [0, PAGED_OUT, PAGED_OUT]);
        frames.errors[1] = 0;
        assert_eq!(frames.attempt(1, 2), Err(Error::new(MAP, Cause::Unsupported)));
        assert_eq!(frames.errors[..], [0, PAGED_OUT, PAGED_OUT]);
    }

    /// What is left of the frames' numbers is neither an error number nor success.
    #[test]
    fn what_is_no_error_number_maps_nothing() {
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
