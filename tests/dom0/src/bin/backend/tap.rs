//! A network interface of Linux whose other end is this program (Documentation/networking/tuntap.rst).

#![allow(unsafe_code, reason = "ioctls")]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::ioctl::{IntegerSetter, Opcode, Updater, ioctl, opcode};

const SET_INTERFACE: Opcode = opcode::write::<i32>(b'T', 202);
const SET_PERSISTENT: Opcode = opcode::write::<i32>(b'T', 203);
/// Ethernet packets, without information before them.
const FLAGS: u16 = 0x1002;

/// The kernel's structure: the name, flags, and space of other members of a union.
#[repr(C)]
struct Request {
    name: [u8; 16],
    flags: u16,
    rest: [u8; 22],
}

/// An interface. It stays when the program ends.
pub(crate) struct Tap(OwnedFd);

impl Tap {
    /// Makes the interface with this name, or takes it if no program has it.
    pub(crate) fn open(name: &str) -> Result<Self, Errno> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = open("/dev/net/tun", flags, Mode::empty())?;
        let mut request = Request { name: [0; 16], flags: FLAGS, rest: [0; 22] };
        for (to, from) in request.name.iter_mut().take(15).zip(name.bytes()) {
            *to = from;
        }
        // SAFETY: the kernel reads and writes such a structure.
        unsafe { ioctl(&file, Updater::<SET_INTERFACE, Request>::new(&mut request)) }?;
        // SAFETY: the argument is a number.
        unsafe { ioctl(&file, IntegerSetter::<SET_PERSISTENT>::new_usize(1)) }?;
        Ok(Self(file))
    }

    /// The size of the next packet, which is copied, if there is one.
    pub(crate) fn read(&self, to: &mut [u8]) -> Result<Option<usize>, Errno> {
        match rustix::io::read(&self.0, to) {
            Ok(size) => Ok(Some(size)),
            // The second is of an interface that is down.
            Err(Errno::AGAIN | Errno::IO) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    pub(crate) fn write(&self, packet: &[u8]) -> Result<usize, Errno> {
        rustix::io::write(&self.0, packet)
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
