//! Memory that a device has mapped for this process.

#![allow(unsafe_code, reason = "the door to mmap")]

use std::ffi::c_void;
use std::os::fd::AsFd as _;
use std::ptr::{self, NonNull};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use xen_ops::gnttab::Access;

use crate::Error;
use crate::device::Device;

/// A shared mapping of a device, taken down when the value goes.
#[derive(Debug)]
pub(crate) struct MmapRegion {
    base: NonNull<u8>,
    /// Bytes; 0 once it has been taken down.
    length: usize,
    device: Device,
}

// SAFETY: an address and its length; what lies there is touched through views only.
unsafe impl Send for MmapRegion {}
// SAFETY: as above.
unsafe impl Sync for MmapRegion {}

impl MmapRegion {
    /// Maps `length` bytes from `offset` of the device's own numbering.
    ///
    /// # Errors
    ///
    /// What the kernel says to `mmap`; [`Cause::Forked`](crate::Cause::Forked).
    pub(crate) fn map(
        device: &Device,
        offset: u64,
        length: usize,
        rights: ProtFlags,
    ) -> Result<Self, Error> {
        device.own("mmap")?;
        let (anywhere, shared) = (ptr::null_mut(), MapFlags::SHARED);
        // SAFETY: the kernel chooses the place, so that it is in nobody's way.
        let base = unsafe { mmap(anywhere, length, rights, shared, device.as_fd(), offset) };
        let base = base.map_err(Error::errno("mmap"))?;
        let base = NonNull::new(base.cast()).ok_or(Error::nowhere())?;
        Ok(Self { base, length, device: device.clone() })
    }

    /// Where it is.
    pub(crate) const fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Bytes in it.
    pub(crate) const fn length(&self) -> usize {
        self.length
    }

    /// The device that it is of.
    pub(crate) const fn device(&self) -> &Device {
        &self.device
    }

    /// Takes it down. Where that fails twice, it stays until the process ends.
    ///
    /// # Errors
    ///
    /// What the kernel says to `munmap`; [`Cause::Forked`](crate::Cause::Forked).
    pub(crate) fn unmap(mut self) -> Result<(), Error> {
        self.take_down()
    }

    fn take_down(&mut self) -> Result<(), Error> {
        let length = std::mem::take(&mut self.length);
        if length == 0 {
            return Ok(());
        }
        // In a child there may be something else at that address: the kernel hands some of these
        // mappings to no child.
        self.device.own("munmap")?;
        // SAFETY: it is this value's own, and whoever looks at it borrows the value.
        let unmap = || unsafe { munmap(self.base.as_ptr().cast::<c_void>(), length) };
        // Where it fails everything is still mapped. That is for want of memory, which may pass.
        unmap().or_else(|_| unmap()).map_err(Error::errno("munmap"))
    }
}

impl Drop for MmapRegion {
    fn drop(&mut self) {
        let _ = self.take_down();
    }
}

/// The rights that `A` stands for.
pub(crate) fn rights<A: Access>() -> ProtFlags {
    if A::READONLY { ProtFlags::READ } else { ProtFlags::READ | ProtFlags::WRITE }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use rustix::param::page_size;
    use xen_ops::view::{ReadOnly, ReadWrite};

    use super::*;
    use crate::Cause;
    use crate::testing::{in_child, is_mapped, memory};

    fn area(name: &str) -> MmapRegion {
        let (device, file) = memory(name, page_size());
        file.write_at(b"x", 0).unwrap();
        MmapRegion::map(&device, 0, page_size(), ProtFlags::READ | ProtFlags::WRITE).unwrap()
    }

    #[test]
    fn it_is_there_until_it_is_taken_down() {
        let area = area("unmapped");
        // SAFETY: mapped, and nobody writes.
        assert_eq!(unsafe { area.base().read() }, b'x');
        assert!(is_mapped("unmapped"));
        assert_eq!(area.unmap(), Ok(()));
        assert!(!is_mapped("unmapped"));
    }

    #[test]
    fn dropping_takes_it_down() {
        drop(area("dropped"));
        assert!(!is_mapped("dropped"));
    }

    #[test]
    fn what_the_kernel_refuses_is_an_error() {
        let (device, _) = memory("refused", 0);
        let error = MmapRegion::map(&device, 1, page_size(), ProtFlags::READ).unwrap_err();
        assert_eq!(error, Error::new("mmap", Cause::Errno(rustix::io::Errno::INVAL)));
    }

    #[test]
    fn a_child_takes_nothing_down() {
        let (unmapped, dropped) = (area("child-unmaps"), area("child-drops"));
        in_child(|| {
            let error =
                MmapRegion::map(unmapped.device(), 0, page_size(), ProtFlags::READ).unwrap_err();
            assert_eq!(error.cause(), &Cause::Forked);
            assert_eq!(unmapped.unmap(), Err(Error::new("munmap", Cause::Forked)));
            assert!(is_mapped("child-unmaps"));
            drop(dropped);
            assert!(is_mapped("child-drops"));
        });
    }

    #[test]
    fn rights_are_what_the_type_says() {
        assert_eq!(rights::<ReadOnly>(), ProtFlags::READ);
        assert_eq!(rights::<ReadWrite>(), ProtFlags::READ | ProtFlags::WRITE);
    }
}
