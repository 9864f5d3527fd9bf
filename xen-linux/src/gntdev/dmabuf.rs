//! Buffers that devices share (dma-buf), made of grants and made into grants.

#![allow(unsafe_code, reason = "ioctls, and a descriptor that one of them makes")]

use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::time::Duration;

use rustix::io::{DupFlags, Errno, dup3, fcntl_dupfd_cloexec, retry_on_intr};
use rustix::param::page_size;
use xen_abi::grant_table::grant_ref_t;
use xen_abi::linux::gntdev::{
    DmabufFlags, GNTDEV_DMA_FLAG_COHERENT, GNTDEV_DMA_FLAG_WC, IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS,
    IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED, IOCTL_GNTDEV_DMABUF_IMP_RELEASE,
    IOCTL_GNTDEV_DMABUF_IMP_TO_REFS, ioctl_gntdev_dmabuf_exp_from_refs,
    ioctl_gntdev_dmabuf_exp_wait_released, ioctl_gntdev_dmabuf_imp_release,
    ioctl_gntdev_dmabuf_imp_to_refs,
};
use xen_ops::Failed;
use xen_ops::page::PAGE_SIZE;

use super::Gntdev;
use crate::device::{Device, release_twice};
use crate::fam::FamVec;
use crate::{Cause, DomainId, Error};

const EXPORT: &str = "IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS";
const WAIT: &str = "IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED";
const IMPORT: &str = "IOCTL_GNTDEV_DMABUF_IMP_TO_REFS";
const RELEASE: &str = "IOCTL_GNTDEV_DMABUF_IMP_RELEASE";

/// Where the pages of a buffer come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Memory {
    /// The same memory as for other mappings.
    #[default]
    Any,
    /// Memory of the device, write-combined: `GNTDEV_DMA_FLAG_WC`.
    WriteCombined,
    /// Memory of the device, coherent: `GNTDEV_DMA_FLAG_COHERENT`.
    Coherent,
}

impl Memory {
    const fn flags(self) -> DmabufFlags {
        match self {
            Self::Any => DmabufFlags::empty(),
            Self::WriteCombined => GNTDEV_DMA_FLAG_WC,
            Self::Coherent => GNTDEV_DMA_FLAG_COHERENT,
        }
    }
}

impl Gntdev {
    /// Makes a dma-buf of grants of `domain`. They stay mapped for writing until the last descriptor of
    /// the buffer is closed.
    ///
    /// # Errors
    ///
    /// - [`Cause::Count`] if there are no grants, or more than
    ///   [`MAX_GRANTS_PER_MAP`](super::MAX_GRANTS_PER_MAP), and [`Cause::KernelPages`] if the kernel's
    ///   pages are larger than grants, which such a buffer cannot have; then no system call is made.
    /// - [`Cause::Unsupported`] if the kernel was built without it.
    /// - EINVAL in a PV domain, or if Xen refuses one of the grants; ENOMEM.
    pub fn export(
        &self,
        domain: DomainId,
        grants: &[grant_ref_t],
        memory: Memory,
    ) -> Result<Exported, Error> {
        let mut list: FamVec<_> = grants.iter().map(|reference| reference.0).collect();
        let header = export_of(domain, memory);
        let argument = list.as_mut_ptr(header).map_err(Error::length(EXPORT))?;
        check_page_size(EXPORT, page_size())?;
        // SAFETY: the list has as many references as it says, and the kernel writes into its header.
        unsafe { self.device.ioctl_again(EXPORT, IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS, argument) }?;
        let number = RawFd::try_from(list.header().fd)
            .map_err(|_| Error::new(EXPORT, Cause::Errno(Errno::BADF)))?;
        // SAFETY: the kernel has just opened it for this call.
        let buffer = unsafe { OwnedFd::from_raw_fd(number) };
        Ok(Exported { buffer, device: self.device.clone() })
    }

    /// Grants the pages of a dma-buf to `domain`, for writing, until the returned value is dropped.
    /// `count` is how many pages the buffer has; all of them are granted.
    ///
    /// # Errors
    ///
    /// - [`Cause::Count`] if `count` is 0 or above [`MAX_GRANTS_PER_MAP`](super::MAX_GRANTS_PER_MAP), and
    ///   [`Cause::KernelPages`] if the kernel's pages are larger than grants, of which only the first
    ///   would be granted; then no system call is made.
    /// - [`Cause::Exhausted`] if there are not so many grant references.
    /// - [`Cause::Unsupported`] if the kernel was built without it.
    /// - EINVAL if the buffer has another size, does not begin at a page, or has no pages; EMFILE; and the
    ///   error numbers of the buffer's own driver.
    pub fn import(
        &self,
        buffer: impl AsFd,
        domain: DomainId,
        count: usize,
    ) -> Result<Imported, Error> {
        let mut list = FamVec::zeroed(count).map_err(Error::length(IMPORT))?;
        check_page_size(IMPORT, page_size())?;
        // The kernel identifies the import by the descriptor's number, so the import needs its own.
        let buffer = fcntl_dupfd_cloexec(buffer, 0).map_err(Error::errno("fcntl"))?;
        let header = import_of(&buffer, domain);
        let argument = list.as_mut_ptr(header).map_err(Error::length(IMPORT))?;
        // SAFETY: the list has as many elements as it says, and the kernel writes references there.
        unsafe { self.device.ioctl_again(IMPORT, IOCTL_GNTDEV_DMABUF_IMP_TO_REFS, argument) }
            .map_err(Error::instead(Errno::NOSPC, Cause::Exhausted))?;
        Ok(Imported { list, import: Some(Import { device: self.device.clone(), buffer }) })
    }
}

/// Without the grants.
fn export_of(domain: DomainId, memory: Memory) -> ioctl_gntdev_dmabuf_exp_from_refs {
    ioctl_gntdev_dmabuf_exp_from_refs {
        flags: memory.flags(),
        // No descriptor, unless the kernel writes one.
        fd: u32::MAX,
        domid: domain.domid().0.into(),
        ..ioctl_gntdev_dmabuf_exp_from_refs::ZERO
    }
}

/// Without space for the references.
fn import_of(buffer: &OwnedFd, domain: DomainId) -> ioctl_gntdev_dmabuf_imp_to_refs {
    ioctl_gntdev_dmabuf_imp_to_refs {
        fd: raw(buffer),
        domid: domain.domid().0.into(),
        ..ioctl_gntdev_dmabuf_imp_to_refs::ZERO
    }
}

/// A dma-buf that was made of grants: its descriptor.
#[derive(Debug)]
#[must_use = "a buffer that is dropped is closed"]
pub struct Exported {
    buffer: OwnedFd,
    device: Device,
}

impl Exported {
    /// Closes this process's descriptor, so that the kernel releases the buffer when the last other
    /// descriptor is closed. The returned value can wait for that.
    ///
    /// # Errors
    ///
    /// The kernel's answer to `dup3`; [`Cause::Forked`]. The buffer is returned.
    pub fn release(mut self) -> Result<Releasing, Failed<Error, Self>> {
        // The kernel identifies the buffer by the descriptor's number. A descriptor of the device takes
        // that number, so that no other buffer gets it.
        let replaced = self.device.check_own("dup3").and_then(|()| {
            retry_on_intr(|| dup3(&self.device, &mut self.buffer, DupFlags::CLOEXEC))
                .map_err(Error::errno("dup3"))
        });
        match replaced {
            Ok(()) => Ok(Releasing { number: self.buffer, device: self.device }),
            Err(error) => Err(Failed::returning(error, self)),
        }
    }

    /// The descriptor alone. The grants are unmapped when it and all others of the buffer are closed.
    ///
    /// The kernel identifies the buffer by this descriptor's number even after it is closed here. If other
    /// processes keep the buffer longer, make it with a [`Gntdev`] of its own: see [`Releasing::wait`].
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

/// A dma-buf whose descriptor this process has closed, and that other processes may still have.
#[derive(Debug)]
#[must_use = "its only use is to wait for the release"]
pub struct Releasing {
    number: OwnedFd,
    device: Device,
}

impl Releasing {
    /// Waits until the kernel has released the buffer, or until `timeout`. Signals do not interrupt that.
    /// Timeouts are rounded up to a millisecond, and are 24 days at most.
    ///
    /// The kernel finds the buffer by its descriptor's number, the device's newest buffer first. If an
    /// older buffer had the same number, and its descriptor was [closed here](Exported::into_fd) while
    /// other processes still have it, this may wait for the older buffer. To avoid that, use a [`Gntdev`]
    /// of its own for each buffer, not a clone.
    ///
    /// # Errors
    ///
    /// - [`Cause::TimedOut`]; it is possible to wait again.
    /// - The kernel's error number: ENOMEM.
    pub fn wait(&self, timeout: Duration) -> Result<(), Error> {
        let mut argument = ioctl_gntdev_dmabuf_exp_wait_released {
            fd: raw(&self.number),
            wait_to_ms: milliseconds(timeout),
        };
        // SAFETY: the kernel reads the structure.
        let waited = unsafe {
            let opcode = IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED;
            self.device.ioctl_again(WAIT, opcode, &raw mut argument)
        };
        match waited.map_err(Error::instead(Errno::TIMEDOUT, Cause::TimedOut)) {
            // The kernel does not know the buffer: it is already released.
            Err(error) if error.as_errno() == Some(Errno::NOENT) => Ok(()),
            waited => waited.map(drop),
        }
    }
}

/// Pages of a dma-buf that are granted to another domain, until the value is dropped. It keeps the buffer
/// and the device open.
///
/// A page that the other domain still uses then stays granted until it stops; the kernel takes care of
/// that.
#[derive(Debug)]
#[must_use = "the grants end when the value is dropped"]
pub struct Imported {
    list: FamVec<ioctl_gntdev_dmabuf_imp_to_refs>,
    /// `None` once the grants have ended.
    import: Option<Import>,
}

#[derive(Debug)]
struct Import {
    device: Device,
    buffer: OwnedFd,
}

impl Imported {
    /// The grant references, one for each page of the buffer, in order.
    pub fn references(&self) -> impl ExactSizeIterator<Item = grant_ref_t> + '_ {
        self.list.as_slice().iter().copied().map(grant_ref_t)
    }

    /// Ends the grants. Dropping the value does the same, without a report.
    ///
    /// # Errors
    ///
    /// The kernel's error number, after two attempts. The pages are still granted then, and returned,
    /// unless the kernel does not know them (ENOENT).
    pub fn release(mut self) -> Result<(), Failed<Error, Self>> {
        match self.end() {
            Ok(()) => Ok(()),
            Err(error) if self.import.is_none() => Err(Failed::keeping(error)),
            Err(error) => Err(Failed::returning(error, self)),
        }
    }

    fn end(&mut self) -> Result<(), Error> {
        let Some(Import { device, buffer }) = &self.import else { return Ok(()) };
        let release = || {
            let mut argument = ioctl_gntdev_dmabuf_imp_release {
                fd: raw(buffer),
                ..ioctl_gntdev_dmabuf_imp_release::ZERO
            };
            let opcode = IOCTL_GNTDEV_DMABUF_IMP_RELEASE;
            // SAFETY: the kernel reads the structure.
            unsafe { device.ioctl_again(RELEASE, opcode, &raw mut argument) }.map(drop)
        };
        // No other descriptor has the number meanwhile, so a second attempt does no harm.
        let released = release_twice(release, &[]);
        let is_gone = |error: &Error| error.as_errno() == Some(Errno::NOENT);
        if released.as_ref().err().is_none_or(is_gone) {
            self.import = None;
        }
        released
    }
}

impl Drop for Imported {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Such a buffer has whole pages of the kernel, each of which has to be one grant.
fn check_page_size(operation: &'static str, size: usize) -> Result<(), Error> {
    if size == PAGE_SIZE { Ok(()) } else { Err(Error::new(operation, Cause::KernelPages { size })) }
}

/// The number of an open descriptor, which is not negative.
fn raw(descriptor: &OwnedFd) -> u32 {
    descriptor.as_raw_fd().unsigned_abs()
}

/// A timeout in milliseconds, rounded up.
fn milliseconds(timeout: Duration) -> u32 {
    let rounded = timeout.saturating_add(Duration::from_nanos(999_999)).as_millis();
    rounded.min(i32::MAX as u128) as u32
}

#[cfg(test)]
mod tests {
    use rustix::fs::fstat;
    use xen_abi::xen::domid_t;

    use super::*;
    use crate::testing::{in_child, memory};

    fn gntdev(name: &str) -> Gntdev {
        Gntdev::of(memory(name, 0).0)
    }

    #[test]
    fn counts_are_checked_before_any_call() {
        let gntdev = gntdev("dma-buf-counts");
        let domain = DomainId::new(domid_t(3)).unwrap();
        for count in [0, super::super::MAX_GRANTS_PER_MAP + 1] {
            let cause = Cause::Count { count, min: 1, max: 65_536 };
            let grants = vec![grant_ref_t(8); count];
            let error = gntdev.export(domain, &grants, Memory::Any).unwrap_err();
            assert_eq!(error, Error::new(EXPORT, cause.clone()));
            let error = gntdev.import(&gntdev, domain, count).unwrap_err();
            assert_eq!(error, Error::new(IMPORT, cause));
        }
        let error = gntdev.export(domain, &[grant_ref_t(8)], Memory::Coherent).unwrap_err();
        assert_eq!(error, Error::new(EXPORT, Cause::Unsupported));
        let error = gntdev.import(&gntdev, domain, 1).unwrap_err();
        assert_eq!(error, Error::new(IMPORT, Cause::Unsupported));
    }

    #[test]
    fn arguments_name_the_domain_the_memory_and_the_buffer() {
        let domain = DomainId::new(domid_t(3)).unwrap();
        for (memory, flags) in [
            (Memory::Any, DmabufFlags::empty()),
            (Memory::WriteCombined, GNTDEV_DMA_FLAG_WC),
            (Memory::Coherent, GNTDEV_DMA_FLAG_COHERENT),
        ] {
            let export = export_of(domain, memory);
            assert_eq!((export.flags, export.fd, export.domid), (flags, u32::MAX, 3));
        }
        let buffer = OwnedFd::from(memory("buffer", 0).1);
        let import = import_of(&buffer, domain);
        assert_eq!((import.fd, import.domid), (raw(&buffer), 3));
    }

    #[test]
    fn a_buffer_has_pages_that_are_grants() {
        assert_eq!(check_page_size("EXPORT", 4096), Ok(()));
        let error = check_page_size("EXPORT", 65_536).unwrap_err();
        assert_eq!(error, Error::new("EXPORT", Cause::KernelPages { size: 65_536 }));
        assert_eq!(
            error.to_string(),
            "EXPORT: the kernel's pages are 65536 bytes, and a grant is 4096"
        );
    }

    #[test]
    fn timeouts_are_rounded_up() {
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

    /// The kernel finds the buffer by its descriptor's number, so no other descriptor may get it.
    #[test]
    fn the_number_of_a_released_buffer_stays_taken() {
        let gntdev = gntdev("released");
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
    fn a_child_releases_no_buffer() {
        let device = gntdev("child-releases").device;
        let exported = Exported { buffer: OwnedFd::from(memory("buffer", 0).1), device };
        in_child(|| {
            let failed = exported.release().unwrap_err();
            assert_eq!(failed.error, Error::new("dup3", Cause::Forked));
            assert!(failed.returned.is_some());
        });
    }

    #[test]
    fn grants_that_do_not_end_are_returned() {
        let device = gntdev("import").device;
        let import = Some(Import { device, buffer: OwnedFd::from(memory("buffer", 0).1) });
        let imported = Imported { list: [8].into_iter().collect(), import };
        let failed = imported.release().unwrap_err();
        assert_eq!(failed.error, Error::new(RELEASE, Cause::Unsupported));
        assert!(failed.returned.unwrap().references().eq([grant_ref_t(8)]));
    }
}
