//! An open device and its ioctls.

#![allow(unsafe_code, reason = "the only module that issues ioctls")]

use std::ffi::{c_int, c_void};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, retry_on_intr};
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl};
use xen_ops::Failed;

use crate::fork::generation;
use crate::{Cause, Error};

/// An open device. Clones share the descriptor, which is closed with the last of them.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    descriptor: OwnedFd,
    /// The process that may use the descriptor.
    generation: u64,
}

impl Device {
    /// Opens `path` for reading and writing, to be closed by `exec`.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        let descriptor = retry_on_intr(|| openat(CWD, path, flags, Mode::empty()));
        Ok(Self::new(descriptor.map_err(Error::open(path))?)?)
    }

    /// A device that the caller has opened.
    pub(crate) fn new(descriptor: OwnedFd) -> Result<Self, Failed<Error, OwnedFd>> {
        match generation() {
            Ok(generation) => Ok(Self { shared: Arc::new(Shared { descriptor, generation }) }),
            Err(error) => Err(Failed::returning(error, descriptor)),
        }
    }

    /// The descriptor, unless clones share it.
    pub(crate) fn into_fd(self) -> Option<OwnedFd> {
        Arc::into_inner(self.shared).map(|shared| shared.descriptor)
    }

    /// Whether this process opened the device, not a parent of it.
    pub(crate) fn is_own(&self) -> bool {
        generation().is_ok_and(|generation| generation == self.shared.generation)
    }

    /// [`Cause::Forked`] unless this process opened the device.
    pub(crate) fn check_own(&self, operation: &'static str) -> Result<(), Error> {
        if self.is_own() { Ok(()) } else { Err(Error::new(operation, Cause::Forked)) }
    }

    /// Issues an ioctl whose argument is a structure that the kernel reads and writes. An error has the
    /// kernel's number, EINTR too; ENOTTY is [`Cause::Unsupported`].
    ///
    /// # Safety
    ///
    /// The ioctl takes a `T`, or a structure that begins with one, and every address in it is valid for
    /// what the kernel does there.
    pub(crate) unsafe fn ioctl<T: ?Sized>(
        &self,
        operation: &'static str,
        opcode: u32,
        argument: *mut T,
    ) -> Result<c_int, Error> {
        self.check_own(operation)?;
        let call = Call { opcode, argument: argument.cast() };
        // SAFETY: the caller's promise.
        unsafe { ioctl(&self.shared.descriptor, call) }
            .map_err(Error::errno(operation))
            .map_err(Error::instead(Errno::NOTTY, Cause::Unsupported))
    }

    /// Issues an [`ioctl`](Self::ioctl) again whenever a signal interrupts it: for operations that have
    /// done nothing then.
    ///
    /// # Safety
    ///
    /// As for [`ioctl`](Self::ioctl).
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
        self.shared.descriptor.as_fd()
    }
}

/// Does `step`, which releases something, and does it once more if it fails: the reason may have passed.
/// Not if the error number is one of `gone`: then the device does not have it, and another thread may
/// already have got the same number.
pub(crate) fn release_twice(
    step: impl Fn() -> Result<(), Error>,
    gone: &[Errno],
) -> Result<(), Error> {
    step().or_else(|error| match error.as_errno() {
        Some(errno) if gone.contains(&errno) => Err(error),
        _ => step(),
    })
}

/// Makes a handle of a descriptor that the caller has opened, if `checked` accepts the device. If not,
/// the descriptor is returned.
pub(crate) fn from_fd<T>(
    descriptor: OwnedFd,
    checked: impl FnOnce(Device) -> Result<T, Error>,
) -> Result<T, Failed<Error, OwnedFd>> {
    let device = Device::new(descriptor)?;
    let clone = device.clone();
    checked(device).map_err(|error| Failed { error, returned: clone.into_fd() })
}

/// An ioctl with its argument. Its result is what the kernel returned.
struct Call {
    opcode: u32,
    argument: *mut c_void,
}

// SAFETY: the argument goes to the kernel as it is, and the kernel may write there.
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

    /// An ioctl that no device has.
    fn ioctl(device: &Device) -> Result<c_int, Error> {
        // SAFETY: no device takes it, with whatever argument.
        unsafe { device.ioctl_again("IOCTL", 0, NOTHING) }
    }

    #[test]
    fn an_ioctl_of_another_device_is_unsupported() {
        let (device, _) = memory("other-device", 0);
        assert_eq!(ioctl(&device), Err(Error::new("IOCTL", Cause::Unsupported)));
    }

    #[test]
    fn a_child_cannot_use_the_device() {
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
    fn an_open_device_is_closed_by_exec() {
        let device = Device::open(Path::new("/dev/null")).unwrap();
        let flags = rustix::io::fcntl_getfd(&device).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    }

    #[test]
    fn a_descriptor_that_is_not_accepted_is_returned() {
        let (device, file) = memory("returned", 0);
        let number = file.as_raw_fd();
        let error = Error::new("IOCTL", Cause::Unsupported);
        let refuse = |_: Device| Err::<(), _>(Error::new("IOCTL", Cause::Unsupported));
        let failed = from_fd(file.into(), refuse).unwrap_err();
        assert_eq!(failed.error, error);
        assert_eq!(failed.returned.unwrap().as_raw_fd(), number);
        // One that is shared by then stays with the other owner.
        let other = device.clone();
        assert!(device.into_fd().is_none());
        assert!(other.into_fd().is_some());
    }
}
