//! An open device: the door to its ioctls.

#![allow(unsafe_code, reason = "the door to the kernel")]

use std::ffi::{c_int, c_void};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, retry_on_intr};
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl};

use crate::fork::generation;
use crate::{Cause, Error};

/// An open device. Clones share the descriptor, which is closed with the last of them.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    descriptor: Arc<OwnedFd>,
    generation: u64,
}

impl Device {
    /// Opens `path` for reading and writing, to be closed by `exec`.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        let descriptor = retry_on_intr(|| openat(CWD, path, flags, Mode::empty()));
        Self::new(descriptor.map_err(Error::open(path))?)
    }

    /// A device that somebody else has opened.
    pub(crate) fn new(descriptor: OwnedFd) -> Result<Self, Error> {
        Ok(Self { descriptor: Arc::new(descriptor), generation: generation()? })
    }

    /// Whether this is the process that opened it, not a child of its.
    pub(crate) fn is_own(&self) -> bool {
        generation().is_ok_and(|generation| generation == self.generation)
    }

    /// That this is the process that opened it: [`Cause::Forked`] if not.
    pub(crate) fn own(&self, operation: &'static str) -> Result<(), Error> {
        if self.is_own() { Ok(()) } else { Err(Error::new(operation, Cause::Forked)) }
    }

    /// An ioctl whose argument is a structure that the kernel reads and writes. Its error number is
    /// whatever comes back, EINTR too; ENOTTY is [`Cause::Unsupported`].
    ///
    /// # Safety
    ///
    /// The ioctl takes a `T`, or what begins with one; every address in it is good for what the kernel
    /// does there.
    pub(crate) unsafe fn ioctl<T: ?Sized>(
        &self,
        operation: &'static str,
        opcode: u32,
        argument: *mut T,
    ) -> Result<c_int, Error> {
        self.own(operation)?;
        let call = Call { opcode, argument: argument.cast() };
        // SAFETY: the caller's promise.
        unsafe { ioctl(&self.descriptor, call) }
            .map_err(Error::errno(operation))
            .map_err(Error::instead(Errno::NOTTY, Cause::Unsupported))
    }

    /// As [`ioctl`](Self::ioctl), again for as long as a signal interrupts it: for operations that
    /// have done nothing then.
    ///
    /// # Safety
    ///
    /// As there.
    pub(crate) unsafe fn ioctl_again<T: ?Sized>(
        &self,
        operation: &'static str,
        opcode: u32,
        argument: *mut T,
    ) -> Result<c_int, Error> {
        loop {
            // SAFETY: the caller's promise.
            let result = unsafe { self.ioctl(operation, opcode, argument) };
            if !result.as_ref().is_err_and(|error| error.as_errno() == Some(Errno::INTR)) {
                return result;
            }
        }
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Has `step` give something back, and tries once more where it fails: what went wrong may have passed.
/// Not if the error number is one of `gone`: the device does not have it, and by now its number may
/// stand for somebody else's.
pub(crate) fn give_back(step: impl Fn() -> Result<(), Error>, gone: &[Errno]) -> Result<(), Error> {
    step().or_else(|error| match error.as_errno() {
        Some(errno) if gone.contains(&errno) => Err(error),
        _ => step(),
    })
}

/// An ioctl with its argument. Its result is what the kernel returned.
struct Call {
    opcode: u32,
    argument: *mut c_void,
}

// SAFETY: the argument is handed on, and the kernel may write there.
unsafe impl Ioctl for Call {
    type Output = c_int;

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        self.opcode as Opcode
    }

    fn as_ptr(&mut self) -> *mut c_void {
        self.argument
    }

    unsafe fn output_from_ptr(output: IoctlOutput, _: *mut c_void) -> Result<c_int, Errno> {
        Ok(output)
    }
}

/// For ioctls without an argument.
pub(crate) const NOTHING: *mut c_void = ptr::null_mut();

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;
    use crate::testing::{in_child, memory};

    /// An ioctl that nothing has.
    fn ioctl(device: &Device) -> Result<c_int, Error> {
        // SAFETY: there is none that would take an argument.
        unsafe { device.ioctl_again("IOCTL", 0, NOTHING) }
    }

    #[test]
    fn an_ioctl_of_another_device_is_not_offered() {
        let (device, _) = memory("other-device", 0);
        assert_eq!(ioctl(&device), Err(Error::new("IOCTL", Cause::Unsupported)));
    }

    #[test]
    fn a_child_may_use_the_device_for_nothing() {
        let (device, _) = memory("child-device", 0);
        let clone = device.clone();
        in_child(|| {
            for device in [device, clone] {
                assert_eq!(ioctl(&device), Err(Error::new("IOCTL", Cause::Forked)));
            }
            let (own, _) = memory("own-device", 0);
            assert_eq!(ioctl(&own), Err(Error::new("IOCTL", Cause::Unsupported)));
        });
    }

    #[test]
    fn clones_share_the_descriptor() {
        let (device, _) = memory("clones", 0);
        let clone = device.clone();
        assert_eq!(device.as_fd().as_raw_fd(), clone.as_fd().as_raw_fd());
        drop(device);
        assert_eq!(ioctl(&clone), Err(Error::new("IOCTL", Cause::Unsupported)));
    }

    #[test]
    fn what_is_opened_here_is_closed_by_exec() {
        let device = Device::open(Path::new("/dev/null")).unwrap();
        let flags = rustix::io::fcntl_getfd(&device).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    }
}
