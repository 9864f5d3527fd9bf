//! Memory that a device has mapped into this process.

#![allow(unsafe_code, reason = "the only module that maps memory of devices")]

use std::ffi::c_void;
use std::os::fd::AsFd as _;
use std::ptr::{self, NonNull};

use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use xen_ops::Failed;

use crate::device::Device;
use crate::{Access, Error};

/// A shared mapping of a device, unmapped when the value is dropped.
#[derive(Debug)]
pub(crate) struct MmapRegion {
    base: NonNull<u8>,
    /// Bytes; 0 once it is unmapped.
    size: usize,
    device: Device,
}

// SAFETY: an address and a size; the memory is accessed through views only.
unsafe impl Send for MmapRegion {}
// SAFETY: as above.
unsafe impl Sync for MmapRegion {}

impl MmapRegion {
    /// Maps `size` bytes from `offset` of the device.
    ///
    /// # Errors
    ///
    /// The kernel's answer to `mmap`; [`Cause::Forked`](crate::Cause::Forked).
    pub(crate) fn map(
        device: &Device,
        offset: u64,
        size: usize,
        prot: ProtFlags,
    ) -> Result<Self, Error> {
        device.check_own("mmap")?;
        // The system call of 32 bits takes pages, and would cut off an offset within one.
        if offset % 4096 != 0 {
            return Err(Error::errno("mmap")(Errno::INVAL));
        }
        let (anywhere, shared) = (ptr::null_mut(), MapFlags::SHARED);
        // SAFETY: the kernel chooses an address where nothing is mapped.
        let base = unsafe { mmap(anywhere, size, prot, shared, device.as_fd(), offset) };
        let base = base.map_err(Error::errno("mmap"))?;
        let base = NonNull::new(base.cast()).ok_or(Error::nowhere())?;
        Ok(Self { base, size, device: device.clone() })
    }

    /// The first byte.
    pub(crate) const fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Bytes in it.
    pub(crate) const fn size(&self) -> usize {
        self.size
    }

    /// The device that it is a mapping of.
    pub(crate) const fn device(&self) -> &Device {
        &self.device
    }

    /// Unmaps it.
    ///
    /// # Errors
    ///
    /// The kernel's answer to `munmap`, twice; [`Cause::Forked`](crate::Cause::Forked). It is still
    /// mapped then, and returned.
    pub(crate) fn unmap(mut self) -> Result<(), Failed<Error, Self>> {
        match self.unmap_once() {
            Ok(()) => Ok(()),
            Err(error) => Err(Failed::returning(error, self)),
        }
    }

    fn unmap_once(&mut self) -> Result<(), Error> {
        if self.size == 0 {
            return Ok(());
        }
        // In a child, other memory may be at that address: the kernel does not copy all of these
        // mappings to a child.
        self.device.check_own("munmap")?;
        // SAFETY: this value owns the mapping, and all users of the memory borrow the value.
        let unmap = || unsafe { munmap(self.base.as_ptr().cast::<c_void>(), self.size) };
        // If it fails everything is still mapped. It fails for want of memory, which may pass.
        unmap().or_else(|_| unmap()).map_err(Error::errno("munmap"))?;
        self.size = 0;
        Ok(())
    }
}

impl Drop for MmapRegion {
    fn drop(&mut self) {
        let _ = self.unmap_once();
    }
}

/// The protection of pages with the access `A`.
pub(crate) fn prot<A: Access>() -> ProtFlags {
    if A::READONLY { ProtFlags::READ } else { ProtFlags::READ | ProtFlags::WRITE }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use rustix::param::page_size;

    use super::*;
    use crate::testing::{in_child, is_mapped, memory};
    use crate::{Cause, ReadOnly, ReadWrite};

    fn region(name: &str) -> MmapRegion {
        let (device, file) = memory(name, page_size());
        file.write_at(b"x", 0).unwrap();
        MmapRegion::map(&device, 0, page_size(), ProtFlags::READ | ProtFlags::WRITE).unwrap()
    }

    #[test]
    fn unmapping_unmaps() {
        let region = region("unmapped");
        // SAFETY: mapped, and no thread writes.
        assert_eq!(unsafe { region.base().read() }, b'x');
        assert!(is_mapped("unmapped"));
        assert!(region.unmap().is_ok());
        assert!(!is_mapped("unmapped"));
    }

    #[test]
    fn dropping_unmaps() {
        drop(region("dropped"));
        assert!(!is_mapped("dropped"));
    }

    #[test]
    fn a_refusal_of_the_kernel_is_an_error() {
        let (device, _) = memory("refused", 0);
        let error = MmapRegion::map(&device, 1, page_size(), ProtFlags::READ).unwrap_err();
        assert_eq!(error, Error::new("mmap", Cause::Errno(Errno::INVAL)));
    }

    #[test]
    fn a_child_unmaps_nothing() {
        let (unmapped, dropped) = (region("child-unmaps"), region("child-drops"));
        in_child(|| {
            let error =
                MmapRegion::map(unmapped.device(), 0, page_size(), ProtFlags::READ).unwrap_err();
            assert_eq!(error.cause(), &Cause::Forked);
            let failed = unmapped.unmap().unwrap_err();
            assert_eq!(failed.error, Error::new("munmap", Cause::Forked));
            assert!(is_mapped("child-unmaps"));
            drop(dropped);
            assert!(is_mapped("child-drops"));
        });
    }

    #[test]
    fn protection_follows_the_access() {
        assert_eq!(prot::<ReadOnly>(), ProtFlags::READ);
        assert_eq!(prot::<ReadWrite>(), ProtFlags::READ | ProtFlags::WRITE);
    }
}
