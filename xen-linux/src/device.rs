//! An open device: the door to its ioctls.

#![allow(unsafe_code, reason = "the door to the kernel")]

use std::ffi::{c_int, c_void};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
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
        let descriptor = open(path, flags, Mode::empty()).map_err(Error::open(path))?;
        Self::new(descriptor)
    }

    /// A device that somebody else has opened.
    pub(crate) fn new(descriptor: OwnedFd) -> Result<Self, Error> {
        let generation = generation().map_err(Error::errno("mmap"))?;
        Ok(Self { descriptor: Arc::new(descriptor), generation })
    }

    /// Whether this is the process that opened it, not a child of its.
    pub(crate) fn is_own(&self) -> bool {
        generation() == Ok(self.generation)
    }

    /// An ioctl whose argument is a structure that the kernel reads and writes.
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
        if !self.is_own() {
            return Err(Error::new(operation, Cause::Forked));
        }
        let call = Call { opcode, argument: argument.cast() };
        // SAFETY: the caller's promise.
        unsafe { ioctl(&self.descriptor, call) }.map_err(Error::errno(operation))
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
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
