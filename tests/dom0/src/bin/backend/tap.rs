//! A network interface of Linux whose other end is this program (Documentation/networking/tuntap.rst). Packets have
//! virtio's header before them, which says where a checksum is to be computed.

#![allow(unsafe_code, reason = "ioctls")]

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, readv, writev};
use rustix::ioctl::{IntegerSetter, Opcode, Updater, ioctl, opcode};
use xen_io::net::{BlankChecksum, Checksum};

const SET_INTERFACE: Opcode = opcode::write::<i32>(b'T', 202);
const SET_PERSISTENT: Opcode = opcode::write::<i32>(b'T', 203);
const SET_OFFLOADS: Opcode = opcode::write::<u32>(b'T', 208);
/// Ethernet packets, without information of the kernel's before them, and with virtio's header.
const FLAGS: u16 = 0x5002;
/// This program takes packets whose checksum is to be computed.
const CHECKSUMS: usize = 1;

/// Bytes of the header: flags, what to segment, the lengths of headers and of segments, where a checksum begins, and
/// where it is.
const HEADER: usize = 10;
const NEEDS_CHECKSUM: u8 = 1;
const HAS_VALID_DATA: u8 = 2;

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
        // SAFETY: the argument is a number.
        unsafe { ioctl(&file, IntegerSetter::<SET_OFFLOADS>::new_usize(CHECKSUMS)) }?;
        Ok(Self(file))
    }

    /// The size of the next packet, which is copied, and what is known of its checksum, if there is one.
    pub(crate) fn read(&self, to: &mut [u8]) -> Result<Option<(usize, Checksum)>, Errno> {
        let mut header = [0; HEADER];
        let mut parts = [IoSliceMut::new(&mut header), IoSliceMut::new(to)];
        let size = match readv(&self.0, &mut parts) {
            Ok(size) => size.saturating_sub(HEADER),
            // The second is of an interface that is down.
            Err(Errno::AGAIN | Errno::IO) => return Ok(None),
            Err(errno) => return Err(errno),
        };
        let checksum = match header[0] {
            flags if flags & NEEDS_CHECKSUM != 0 => Checksum::Blank,
            flags if flags & HAS_VALID_DATA != 0 => Checksum::Verified,
            _ => Checksum::Unverified,
        };
        Ok(Some((size, checksum)))
    }

    /// Sends a packet. One that is neither TCP nor UDP cannot lack its checksum.
    pub(crate) fn write(&self, packet: &[u8], checksum: Checksum) -> Result<usize, Errno> {
        let mut header = [0; HEADER];
        match checksum {
            Checksum::Unverified => {}
            Checksum::Verified => header[0] = HAS_VALID_DATA,
            Checksum::Blank => {
                let blank = BlankChecksum::find(packet).ok_or(Errno::INVAL)?;
                header[0] = NEEDS_CHECKSUM;
                header[6..8].copy_from_slice(&(blank.start() as u16).to_ne_bytes());
                header[8..10].copy_from_slice(&(blank.field() as u16).to_ne_bytes());
            }
        }
        writev(&self.0, &[IoSlice::new(&header), IoSlice::new(packet)])
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
