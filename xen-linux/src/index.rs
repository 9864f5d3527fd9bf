//! Pages that a device knows by a number.

use rustix::io::Errno;

use crate::Error;
use crate::device::{Device, release_twice};

/// How a device releases `count` pages from the number `first` on.
pub(crate) type Release = fn(device: &Device, first: u64, count: u32) -> Result<(), Error>;

/// Pages that a device knows by a number, released when the value is dropped.
///
/// The number is in bytes, as an offset for `mmap`.
#[derive(Debug)]
pub(crate) struct Index {
    device: Device,
    first: u64,
    count: u32,
    /// `None` once they are released.
    release: Option<Release>,
}

impl Index {
    /// The pages that the device has just put under `first`.
    pub(crate) fn new(device: &Device, first: u64, count: u32, release: Release) -> Self {
        Self { device: device.clone(), first, count, release: Some(release) }
    }

    pub(crate) const fn device(&self) -> &Device {
        &self.device
    }

    pub(crate) const fn first(&self) -> u64 {
        self.first
    }

    /// How many pages there are.
    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    /// Releases the pages.
    pub(crate) fn release(mut self) -> Result<(), Error> {
        self.release_once()
    }

    fn release_once(&mut self) -> Result<(), Error> {
        let Some(release) = self.release.take() else { return Ok(()) };
        // In a child the device refuses: the pages are the parent's.
        let step = || release(&self.device, self.first, self.count);
        release_twice(step, &[Errno::NOENT, Errno::INVAL])
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        let _ = self.release_once();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::Cause;
    use crate::testing::memory;

    thread_local! {
        /// How often the device was asked to release pages, and its answers.
        static ASKED: Cell<usize> = const { Cell::new(0) };
        static ANSWERS: Cell<[Option<Errno>; 2]> = const { Cell::new([None; 2]) };
    }

    fn release(_: &Device, _: u64, _: u32) -> Result<(), Error> {
        let asked = ASKED.replace(ASKED.get() + 1);
        ANSWERS.get()[asked].map_or(Ok(()), |errno| Err(Error::errno("release")(errno)))
    }

    /// The result of a release with those answers, and how often the device was asked.
    fn released(answers: [Option<Errno>; 2]) -> (Result<(), Error>, usize) {
        ANSWERS.set(answers);
        let (device, _) = memory("index", 0);
        let result = Index::new(&device, 4096, 1, release).release();
        (result, ASKED.replace(0))
    }

    #[test]
    fn a_failed_release_is_tried_again_unless_the_device_does_not_have_the_pages() {
        let error = |errno| Err(Error::new("release", Cause::Errno(errno)));
        assert_eq!(released([None; 2]), (Ok(()), 1));
        assert_eq!(released([Some(Errno::NOMEM), None]), (Ok(()), 2));
        for errno in [Errno::NOENT, Errno::INVAL] {
            assert_eq!(released([Some(errno), None]), (error(errno), 1));
        }
        let twice = [Some(Errno::NOMEM), Some(Errno::FAULT)];
        assert_eq!(released(twice), (error(Errno::FAULT), 2));
    }
}
