//! Hypercalls, other domains' memory and device models: `/dev/xen/privcmd`.
//!
//! Upstream: `xen/privcmd.h` of Linux. What the control domain's root can do with this device it can do
//! to every domain, its own included.

mod arena;
mod errno;
mod hypercall;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use arena::Arena;

use crate::Error;
use crate::device::Device;

/// The device, and memory through which it makes hypercalls.
///
/// A [`Hypercall`](xen_ops::hypercall::Hypercall): all that is made of one works here as it does in a
/// kernel, as far as the domain may. What a hypercall reads and writes is copied to memory that stays
/// resident, and back: 256 KiB, mapped once, are shared by all threads that make hypercalls at that
/// time. Then a hypercall is one system call, and nothing is allocated. For what does not fit there
/// memory is mapped that goes when the hypercall is over: two system calls more.
///
/// ```no_run
/// use xen_linux::privcmd::Privcmd;
/// use xen_ops::hypercall::xen_version;
///
/// let xen = Privcmd::open()?;
/// let version = xen_version::version(&xen)?;
/// println!("Xen {}.{}", version >> 16, version & 0xffff);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Results
///
/// Where Linux refuses to make a hypercall its error number is the result, as if it were Xen's: -EPERM
/// after [`restrict`](Self::restrict), -EINTR, and -ENOMEM if there is no memory for arguments (Xen then
/// has not been asked). In a child of the process that opened the device every hypercall is -EBADF.
///
/// Linux hands on as many bits of a result as `int` has. On 64-bit processors hypercalls of
/// `memory_op`, which return numbers of frames, are made as the only entry of a `multicall`, which has
/// room for all of them.
#[derive(Debug)]
pub struct Privcmd {
    device: Device,
    arena: Arena,
}

impl Privcmd {
    /// Opens `/dev/xen/privcmd` and, for memory, `/dev/xen/hypercall`, which Linux has since 4.18.
    ///
    /// # Errors
    ///
    /// [`Cause::Open`](crate::Cause::Open) with the device that cannot be opened; what the kernel says
    /// to `mmap`.
    pub fn open() -> Result<Self, Error> {
        let device = Device::open(Path::new("/dev/xen/privcmd"))?;
        let buffers = Device::open(Path::new("/dev/xen/hypercall"))?;
        Ok(Self { device, arena: Arena::new(&buffers)? })
    }

    /// Uses devices that somebody else has opened: `privcmd`, and `hypercall` for memory.
    ///
    /// # Errors
    ///
    /// What the kernel says to `mmap`.
    pub fn new(privcmd: OwnedFd, hypercall: OwnedFd) -> Result<Self, Error> {
        let (device, buffers) = (Device::new(privcmd)?, Device::new(hypercall)?);
        Ok(Self { device, arena: Arena::new(&buffers)? })
    }
}

impl AsFd for Privcmd {
    /// The device `privcmd`.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}
