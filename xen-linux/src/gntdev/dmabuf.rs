//! Buffers that devices share (dma-buf), made of grants and made into grants.

#![allow(unsafe_code, reason = "ioctls, and a descriptor that one of them makes")]

use std::mem::offset_of;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::time::Duration;

use rustix::io::{DupFlags, Errno, dup3, fcntl_dupfd_cloexec, retry_on_intr};
use rustix::param::page_size;
use xen_abi::grant_table::grant_ref_t;
use xen_abi::linux::gntdev::{
    GNTDEV_DMA_FLAG_COHERENT, GNTDEV_DMA_FLAG_WC, IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS,
    IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED, IOCTL_GNTDEV_DMABUF_IMP_RELEASE,
    IOCTL_GNTDEV_DMABUF_IMP_TO_REFS, ioctl_gntdev_dmabuf_exp_from_refs,
    ioctl_gntdev_dmabuf_exp_wait_released, ioctl_gntdev_dmabuf_imp_release,
    ioctl_gntdev_dmabuf_imp_to_refs,
};
use xen_ops::gnttab::DomainId;
use xen_ops::page::PAGE_SIZE;

use super::{Gntdev, counted};
use crate::device::Device;
use crate::fam::{Head, Tailed};
use crate::{Cause, Error};

const EXPORT: &str = "IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS";
const WAIT: &str = "IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED";
const IMPORT: &str = "IOCTL_GNTDEV_DMABUF_IMP_TO_REFS";
const RELEASE: &str = "IOCTL_GNTDEV_DMABUF_IMP_RELEASE";

impl Head for ioctl_gntdev_dmabuf_exp_from_refs {
    type Element = u32;

    const OFFSET: usize = offset_of!(Self, refs);
}

impl Head for ioctl_gntdev_dmabuf_imp_to_refs {
    type Element = u32;

    const OFFSET: usize = offset_of!(Self, refs);
}

/// Where the pages of a buffer come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Memory {
    /// From wherever mapped grants come.
    #[default]
    Any,
    /// From the device's own, write-combined: `GNTDEV_DMA_FLAG_WC`.
    WriteCombined,
    /// From the device's own, coherent: `GNTDEV_DMA_FLAG_COHERENT`.
    Coherent,
}

impl Memory {
    const fn flags(self) -> u32 {
        match self {
            Self::Any => 0,
            Self::WriteCombined => GNTDEV_DMA_FLAG_WC,
            Self::Coherent => GNTDEV_DMA_FLAG_COHERENT,
        }
    }
}

impl Gntdev {
    /// Makes a dma-buf of grants of `peer`'s, which are mapped for writing until the last descriptor of
    /// the buffer is closed.
    ///
    /// # Errors
    ///
    /// - [`Cause::Count`] if there are no grants, or more than [`MOST`](super::MOST), and
    ///   [`Cause::KernelPages`] if the kernel's pages are larger than grants, which such a buffer cannot
    ///   show; then nothing has been done.
    /// - [`Cause::Unsupported`] if the kernel was built without it.
    /// - EINVAL in a PV domain, or if Xen does not allow one of the grants; ENOMEM.
    pub fn export(
        &self,
        peer: DomainId,
        grants: &[grant_ref_t],
        memory: Memory,
    ) -> Result<Exported, Error> {
        let count = counted(EXPORT, grants.len())?;
        whole_pages(EXPORT, page_size())?;
        let mut list = Tailed::of(grants.iter().map(|reference| reference.0));
        let argument = list.argument(&ioctl_gntdev_dmabuf_exp_from_refs {
            flags: memory.flags(),
            count,
            // No descriptor, unless the kernel says one.
            fd: u32::MAX,
            domid: peer.domain().0.into(),
            ..ioctl_gntdev_dmabuf_exp_from_refs::ZERO
        });
        // SAFETY: the list has as many references as it says, and the kernel writes into its head.
        unsafe { self.device.ioctl_again(EXPORT, IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS, argument) }?;
        let number = RawFd::try_from(list.head().fd)
            .map_err(|_| Error::new(EXPORT, Cause::Errno(Errno::BADF)))?;
        // SAFETY: the kernel has just opened it for this call.
        let buffer = unsafe { OwnedFd::from_raw_fd(number) };
        Ok(Exported { buffer, device: self.device.clone() })
    }

    /// Grants the pages of a dma-buf to `peer`, for writing, until the value that is returned goes.
    /// `count` is how many pages the buffer has, all of which are granted.
    ///
    /// # Errors
    ///
    /// - [`Cause::Count`] if `count` is 0 or above [`MOST`](super::MOST), and [`Cause::KernelPages`] if
    ///   the kernel's pages are larger than grants, of which only the first would be granted; then
    ///   nothing has been done.
    /// - [`Cause::Exhausted`] if there are not so many grant references.
    /// - [`Cause::Unsupported`] if the kernel was built without it.
    /// - EINVAL if the buffer has another size, does not begin at a page, or is no memory with pages; what
    ///   the buffer's own driver says; EMFILE.
    pub fn import(
        &self,
        buffer: impl AsFd,
        peer: DomainId,
        count: usize,
    ) -> Result<Imported, Error> {
        let number = counted(IMPORT, count)?;
        whole_pages(IMPORT, page_size())?;
        // The kernel knows the import by the descriptor's number, which so is the import's alone.
        let buffer = fcntl_dupfd_cloexec(buffer, 0).map_err(Error::errno("fcntl"))?;
        let mut list = Tailed::of(std::iter::repeat_n(0, count));
        let argument = list.argument(&ioctl_gntdev_dmabuf_imp_to_refs {
            fd: raw(&buffer),
            count: number,
            domid: peer.domain().0.into(),
            ..ioctl_gntdev_dmabuf_imp_to_refs::ZERO
        });
        // SAFETY: the list has room for as many references as it says, which the kernel writes there.
        unsafe { self.device.ioctl_again(IMPORT, IOCTL_GNTDEV_DMABUF_IMP_TO_REFS, argument) }
            .map_err(Error::instead(Errno::NOSPC, Cause::Exhausted))?;
        Ok(Imported { list, import: Some(Import { device: self.device.clone(), buffer }) })
    }
}

/// Grants that are a dma-buf: the buffer's descriptor.
#[derive(Debug)]
#[must_use = "a buffer that is dropped is closed"]
pub struct Exported {
    buffer: OwnedFd,
    device: Device,
}

impl Exported {
    /// Gives up this process's descriptor, so that the buffer is released when nobody else has it any
    /// more; to be waited for.
    ///
    /// # Errors
    ///
    /// What the kernel says to `dup3`; [`Cause::Forked`]. The descriptor is closed then too, and nobody can
    /// wait.
    pub fn release(mut self) -> Result<Releasing, Error> {
        self.device.own("dup3")?;
        // The kernel knows the buffer by the descriptor's number: that stays taken, by the device, lest
        // another buffer gets it.
        retry_on_intr(|| dup3(&self.device, &mut self.buffer, DupFlags::CLOEXEC))
            .map_err(Error::errno("dup3"))?;
        Ok(Releasing { number: self.buffer, device: self.device })
    }

    /// The descriptor alone. The grants are unmapped when it and all others of the buffer are closed.
    ///
    /// The kernel knows the buffer by this descriptor's number even after it is closed here. If others keep
    /// the buffer longer, it is better made by a [`Gntdev`] of its own: see [`Releasing::wait`].
    #[must_use]
    pub fn into_fd(self) -> OwnedFd {
        self.buffer
    }
}

impl AsFd for Exported {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.buffer.as_fd()
    }
}

/// A dma-buf that this process has given up, and others may still have.
#[derive(Debug)]
#[must_use = "it is made to be waited for"]
pub struct Releasing {
    number: OwnedFd,
    device: Device,
}

impl Releasing {
    /// Waits until nobody has the buffer any more, or the time is up; no signal interrupts that. Times
    /// are rounded up to a millisecond, and 24 days are the longest.
    ///
    /// The kernel finds the buffer by its descriptor's number, the newest of the device's first. If an
    /// older one had the number, whose descriptor has been [closed here](Exported::into_fd) while others
    /// still have it, then this may wait for that one. A [`Gntdev`] of its own for each buffer, not a clone,
    /// avoids that.
    ///
    /// # Errors
    ///
    /// - [`Cause::TimedOut`]; it can be waited for again.
    /// - What the kernel says: ENOMEM.
    pub fn wait(&self, time: Duration) -> Result<(), Error> {
        let mut argument = ioctl_gntdev_dmabuf_exp_wait_released {
            fd: raw(&self.number),
            wait_to_ms: milliseconds(time),
        };
        // SAFETY: the kernel reads the structure.
        let waited = unsafe {
            let opcode = IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED;
            self.device.ioctl_again(WAIT, opcode, &raw mut argument)
        };
        match waited.map_err(Error::instead(Errno::TIMEDOUT, Cause::TimedOut)) {
            // The kernel does not know it any more, since it is released already.
            Err(error) if error.as_errno() == Some(Errno::NOENT) => Ok(()),
            waited => waited.map(drop),
        }
    }
}

/// Pages of a dma-buf, granted to another domain until the value goes. It keeps the buffer and the
/// device open.
///
/// A page that the other domain still uses then stays granted until it does not; the kernel sees to
/// that.
#[derive(Debug)]
#[must_use = "grants of a buffer that is dropped end"]
pub struct Imported {
    list: Tailed<ioctl_gntdev_dmabuf_imp_to_refs>,
    /// `None` once released.
    import: Option<Import>,
}

#[derive(Debug)]
struct Import {
    device: Device,
    buffer: OwnedFd,
}

impl Imported {
    /// The references, one for each page of the buffer, in its order.
    pub fn references(&self) -> impl ExactSizeIterator<Item = grant_ref_t> + '_ {
        self.list.elements().iter().copied().map(grant_ref_t)
    }

    /// Ends the grants.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn release(mut self) -> Result<(), Error> {
        self.end()
    }

    fn end(&mut self) -> Result<(), Error> {
        let Some(Import { device, buffer }) = self.import.take() else { return Ok(()) };
        let mut argument = ioctl_gntdev_dmabuf_imp_release {
            fd: raw(&buffer),
            ..ioctl_gntdev_dmabuf_imp_release::ZERO
        };
        let opcode = IOCTL_GNTDEV_DMABUF_IMP_RELEASE;
        // SAFETY: the kernel reads the structure.
        let mut release = || unsafe { device.ioctl_again(RELEASE, opcode, &raw mut argument) };
        // Whatever went wrong may have passed; the number is this import's own for as long.
        release().or_else(|_| release()).map(drop)
    }
}

impl Drop for Imported {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Such a buffer is of whole pages of the kernel's, which have to be grants each.
fn whole_pages(operation: &'static str, size: usize) -> Result<(), Error> {
    if size == PAGE_SIZE { Ok(()) } else { Err(Error::new(operation, Cause::KernelPages { size })) }
}

/// The number of an open descriptor, which is not negative.
fn raw(descriptor: &OwnedFd) -> u32 {
    descriptor.as_raw_fd().unsigned_abs()
}

/// A time as the kernel takes it.
fn milliseconds(time: Duration) -> u32 {
    let rounded = time.saturating_add(Duration::from_nanos(999_999)).as_millis();
    rounded.min(i32::MAX as u128) as u32
}

#[cfg(test)]
mod tests {
    use rustix::fs::fstat;
    use xen_abi::xen::domid_t;

    use super::*;
    use crate::testing::{in_child, memory};

    fn gntdev(name: &str) -> Gntdev {
        Gntdev { device: memory(name, 0).0 }
    }

    #[test]
    fn counts_are_checked_before_any_call() {
        let gntdev = gntdev("dma-buf-counts");
        let peer = DomainId::new(domid_t(3)).unwrap();
        for count in [0, super::super::MOST + 1] {
            let cause = Cause::Count { count, least: 1, most: 65_536 };
            let grants = vec![grant_ref_t(8); count];
            let error = gntdev.export(peer, &grants, Memory::Any).unwrap_err();
            assert_eq!(error, Error::new(EXPORT, cause.clone()));
            let error = gntdev.import(&gntdev, peer, count).unwrap_err();
            assert_eq!(error, Error::new(IMPORT, cause));
        }
        let error = gntdev.export(peer, &[grant_ref_t(8)], Memory::Coherent).unwrap_err();
        assert_eq!(error, Error::new(EXPORT, Cause::Unsupported));
        let error = gntdev.import(&gntdev, peer, 1).unwrap_err();
        assert_eq!(error, Error::new(IMPORT, Cause::Unsupported));
    }

    #[test]
    fn such_a_buffer_is_of_pages_that_are_grants() {
        assert_eq!(whole_pages("EXPORT", 4096), Ok(()));
        let error = whole_pages("EXPORT", 65_536).unwrap_err();
        assert_eq!(error, Error::new("EXPORT", Cause::KernelPages { size: 65_536 }));
        assert_eq!(
            error.to_string(),
            "EXPORT: the kernel's pages are 65536 bytes, and a grant is 4096"
        );
    }

    #[test]
    fn no_time_is_cut_short() {
        let times = [
            (Duration::ZERO, 0),
            (Duration::from_nanos(1), 1),
            (Duration::from_millis(7), 7),
            (Duration::from_micros(7001), 8),
            (Duration::MAX, i32::MAX as u32),
        ];
        for (time, expected) in times {
            assert_eq!(milliseconds(time), expected, "{time:?}");
        }
    }

    /// The kernel finds the buffer by its descriptor's number, so nobody else may get that number.
    #[test]
    fn the_number_of_a_buffer_that_was_given_up_stays_taken() {
        let gntdev = gntdev("gave-up");
        let buffer = OwnedFd::from(memory("buffer", 0).1);
        let (number, device) = (raw(&buffer), fstat(&gntdev).unwrap().st_ino);
        assert_ne!(fstat(&buffer).unwrap().st_ino, device);
        let exported = Exported { buffer, device: gntdev.device.clone() };
        let releasing = exported.release().unwrap();
        assert_eq!(raw(&releasing.number), number);
        assert_eq!(fstat(&releasing.number).unwrap().st_ino, device);
        let error = releasing.wait(Duration::ZERO).unwrap_err();
        assert_eq!(error, Error::new(WAIT, Cause::Unsupported));
    }

    #[test]
    fn a_child_gives_no_buffer_up() {
        let device = gntdev("child-gives-up").device;
        let exported = Exported { buffer: OwnedFd::from(memory("buffer", 0).1), device };
        in_child(|| {
            assert_eq!(exported.release().unwrap_err(), Error::new("dup3", Cause::Forked));
        });
    }
}
