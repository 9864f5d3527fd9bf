//! Hypercalls, other domains' memory and device models: `/dev/xen/privcmd`.
//!
//! Upstream: `xen/privcmd.h` of Linux. What the control domain's root can do with this device it can do
//! to every domain, its own included: event channels, grants and memory that its kernel relies on are
//! the domain's, and a hypercall can take them away.
//!
//! | C library | here |
//! |---|---|
//! | libxencall | [`Privcmd`] as a [`Hypercall`](xen_ops::hypercall::Hypercall); buffers are its own affair |
//! | libxenforeignmemory | [`Privcmd::map`], [`Privcmd::map_resource`], [`Privcmd::resource_size`], [`Privcmd::restrict`] |
//! | libxendevicemodel | [`Privcmd::dm_op`] |

#![allow(unsafe_code, reason = "an ioctl")]

mod bounce;
mod dm_op;
mod errno;
mod frames;
mod hypercall;
mod resource;
#[cfg(test)]
mod tests;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use bounce::BounceBuffers;
pub use dm_op::{Buffer, MOST as MOST_BUFFERS};
pub use frames::Frames;
pub use resource::ResourceFrames;
use xen_abi::linux::privcmd::IOCTL_PRIVCMD_RESTRICT;
use xen_abi::xen::domid_t;

use crate::Error;
use crate::device::Device;

const RESTRICT: &str = "IOCTL_PRIVCMD_RESTRICT";

/// The device, and memory through which it makes hypercalls.
///
/// A [`Hypercall`](xen_ops::hypercall::Hypercall): all that is made of one works here as it does in a
/// kernel, as far as the domain may. What a hypercall reads and writes is copied to memory that stays
/// resident, and back: 256 KiB, mapped once, are shared by all threads that make hypercalls at that
/// time. An argument or a list takes whole chunks of 4 KiB there, in a row. Then a hypercall is one
/// system call, and nothing is allocated. For what does not fit there memory is mapped that goes when
/// the hypercall is over: two system calls more.
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
    bounce: BounceBuffers,
}

impl Privcmd {
    /// Opens `/dev/xen/privcmd` and, for memory, `/dev/xen/hypercall`, which Linux has since 4.18. A
    /// child of the process cannot use them: see [the crate](crate#fork).
    ///
    /// # Errors
    ///
    /// [`Cause::Open`](crate::Cause::Open): its text says what can be done. As [`new`](Self::new), for
    /// the rest.
    pub fn open() -> Result<Self, Error> {
        Self::open_at("/dev/xen/privcmd", "/dev/xen/hypercall")
    }

    /// Opens the devices at other places.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_at(privcmd: impl AsRef<Path>, hypercall: impl AsRef<Path>) -> Result<Self, Error> {
        let device = Device::open(privcmd.as_ref())?;
        Self::checked(device, Device::open(hypercall.as_ref())?)
    }

    /// Uses devices that somebody else has opened: `privcmd`, and `hypercall` for memory. The second
    /// descriptor is closed with the first.
    ///
    /// # Errors
    ///
    /// [`Cause::Unsupported`](crate::Cause::NotOffered) if the first is not privcmd's; what the kernel
    /// says to `mmap`. Both are closed then.
    pub fn new(privcmd: OwnedFd, hypercall: OwnedFd) -> Result<Self, Error> {
        Self::checked(Device::new(privcmd)?, Device::new(hypercall)?)
    }

    /// A device that answers as privcmd does, with memory.
    fn checked(device: Device, buffers: Device) -> Result<Self, Error> {
        dm_op::check(&device)?;
        Ok(Self { device, bounce: BounceBuffers::new(buffers)? })
    }

    /// Gives up, for good, all but device models' operations and mappings, and those but for `domid`.
    ///
    /// `IOCTL_PRIVCMD_RESTRICT`.
    ///
    /// # Errors
    ///
    /// EINVAL if it is restricted to another domain already.
    pub fn restrict(&self, domid: domid_t) -> Result<(), Error> {
        let mut domid = domid;
        // SAFETY: the ioctl reads the number of a domain.
        unsafe { self.device.ioctl_again(RESTRICT, IOCTL_PRIVCMD_RESTRICT, &raw mut domid) }?;
        Ok(())
    }
}

impl AsFd for Privcmd {
    /// The device `privcmd`.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}
