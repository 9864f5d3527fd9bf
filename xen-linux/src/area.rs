//! Memory that a device has mapped for this process.

#![allow(unsafe_code, reason = "the door to mmap")]

use std::ffi::c_void;
use std::os::fd::AsFd as _;
use std::ptr::{self, NonNull};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::device::Device;
use crate::{Cause, Error};

/// A shared mapping of a device, taken down when the value goes.
#[derive(Debug)]
pub(crate) struct Area {
    base: NonNull<u8>,
    length: usize,
    device: Device,
}

// SAFETY: an address and its length; what lies there is touched through views only.
unsafe impl Send for Area {}
// SAFETY: as above.
unsafe impl Sync for Area {}

impl Area {
    /// Maps `length` bytes from `offset` of the device's own numbering.
    pub(crate) fn map(
        device: &Device,
        offset: u64,
        length: usize,
        rights: ProtFlags,
    ) -> Result<Self, Error> {
        if !device.is_own() {
            return Err(Error::new("mmap", Cause::Forked));
        }
        let (anywhere, shared) = (ptr::null_mut(), MapFlags::SHARED);
        // SAFETY: the kernel chooses the place, so that it is in nobody's way.
        let base = unsafe { mmap(anywhere, length, rights, shared, device.as_fd(), offset) };
        let base = base.map_err(Error::errno("mmap"))?;
        let base = NonNull::new(base.cast())
            .ok_or(Error::new("mmap", Cause::Errno(rustix::io::Errno::FAULT)))?;
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
}

impl Drop for Area {
    fn drop(&mut self) {
        // In a child there may be something else at that address: the kernel hands some of these
        // mappings to no child.
        if self.device.is_own() {
            // SAFETY: it is this value's own, and whoever looks at it borrows the value.
            let _ = unsafe { munmap(self.base.as_ptr().cast::<c_void>(), self.length) };
        }
    }
}
