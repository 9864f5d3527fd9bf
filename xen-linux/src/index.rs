//! Pages that a device keeps under a number.

use rustix::io::Errno;

use crate::Error;
use crate::device::{Device, give_back};

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
        let Some(release) = self.release.take() else { return Ok(()) };
        // In a child the device refuses: the pages are the parent's.
        let step = || release(&self.device, self.first, self.count);
        give_back(step, &[Errno::NOENT, Errno::INVAL])
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        let _ = self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::Cause;
    use crate::testing::memory;

    thread_local! {
        /// How often pages were to be given back, and what the device says to that.
        static ASKED: Cell<usize> = const { Cell::new(0) };
        static ANSWERS: Cell<[Option<Errno>; 2]> = const { Cell::new([None; 2]) };
    }

    fn release(_: &Device, _: u64, _: u32) -> Result<(), Error> {
        let asked = ASKED.replace(ASKED.get() + 1);
        ANSWERS.get()[asked].map_or(Ok(()), |errno| Err(Error::errno("release")(errno)))
    }

    /// What comes of those answers, and how often the device was asked.
    fn given_back(answers: [Option<Errno>; 2]) -> (Result<(), Error>, usize) {
        ANSWERS.set(answers);
        let (device, _) = memory("index", 0);
        let result = Index::new(&device, 4096, 1, release).release();
        (result, ASKED.replace(0))
    }

    #[test]
    fn they_are_given_back_until_the_device_does_not_have_them() {
        let error = |errno| Err(Error::new("release", Cause::Errno(errno)));
        assert_eq!(given_back([None; 2]), (Ok(()), 1));
        assert_eq!(given_back([Some(Errno::NOMEM), None]), (Ok(()), 2));
        for errno in [Errno::NOENT, Errno::INVAL] {
            assert_eq!(given_back([Some(errno), None]), (error(errno), 1));
        }
        let for_ever = [Some(Errno::NOMEM), Some(Errno::FAULT)];
        assert_eq!(given_back(for_ever), (error(Errno::FAULT), 2));
    }
}
