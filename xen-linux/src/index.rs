//! Pages that a device keeps under a number.

use crate::Error;
use crate::device::Device;

/// How a device is told that its pages from `first` on, `count` of them, are not needed any more.
pub(crate) type Release = fn(device: &Device, first: u64, count: u32) -> Result<(), Error>;

/// Pages that a device keeps under a number, until the value goes.
///
/// The number is in bytes, as an offset for `mmap`.
#[derive(Debug)]
pub(crate) struct Index {
    device: Device,
    first: u64,
    count: u32,
    /// `None` once they have been given back.
    release: Option<Release>,
}

impl Index {
    /// What the device has just put under `first`.
    pub(crate) fn new(device: &Device, first: u64, count: u32, release: Release) -> Self {
        Self { device: device.clone(), first, count, release: Some(release) }
    }

    pub(crate) const fn device(&self) -> &Device {
        &self.device
    }

    pub(crate) const fn first(&self) -> u64 {
        self.first
    }

    /// How many pages it stands for.
    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    /// Gives the pages back.
    pub(crate) fn release(mut self) -> Result<(), Error> {
        self.give_back()
    }

    fn give_back(&mut self) -> Result<(), Error> {
        match self.release.take() {
            // In a child the device refuses: the pages are the parent's.
            Some(release) => release(&self.device, self.first, self.count),
            None => Ok(()),
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        let _ = self.give_back();
    }
}
