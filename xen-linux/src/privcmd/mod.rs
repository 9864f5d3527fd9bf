//! Hypercalls, other domains' memory and device models: `/dev/xen/privcmd`.
//!
//! Root of the control domain can do anything to any domain through this device, also to its own: its
//! kernel relies on event channels, grants and memory of the domain, and a hypercall can take them away.
//!
//! Upstream: `xen/privcmd.h` of Linux; the driver is `drivers/xen/privcmd.c`.
//!
//! | C library | here |
//! |---|---|
//! | libxencall | [`Privcmd`] as a [`Hypercall`](xen_ops::hypercall::Hypercall); it bounces buffers itself |
//! | libxenforeignmemory | [`Privcmd::map_frames`], [`Privcmd::map_resource`], [`Privcmd::resource_size`], [`Privcmd::restrict`] |
//! | libxendevicemodel | [`Privcmd::create_ioreq_server`], [`Privcmd::dm_op`] |
//!
//! [`Privcmd::irqfd`] and [`Privcmd::ioeventfd`] connect eventfds, as of vhost, to a guest without a C library.

#![allow(unsafe_code, reason = "an ioctl")]

mod bounce;
mod dm_op;
mod errno;
mod foreign;
mod frames;
mod hypercall;
mod ioeventfd;
mod ioreq_pages;
mod ioreq_server;
mod irqfd;
mod resource;
#[cfg(test)]
mod tests;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use bounce::BounceBuffers;
pub use dm_op::{Buffer, MAX_DM_OP_BUFFERS};
pub use frames::Frames;
pub use ioeventfd::{Ioeventfd, QueueNotify, Width};
pub use ioreq_pages::{IoRequest, IoreqPages, VcpuRequest};
pub use ioreq_server::{IoRange, IoreqServer};
pub use irqfd::Irqfd;
pub use resource::ResourceFrames;
use xen_abi::linux::privcmd::IOCTL_PRIVCMD_RESTRICT;
use xen_ops::Failed;

use crate::device::{Device, DeviceName, from_fd};
use crate::{DomainId, Error};

const PRIVCMD: DeviceName = DeviceName("/dev/xen/privcmd");
const HYPERCALL: DeviceName = DeviceName("/dev/xen/hypercall");

const RESTRICT: &str = "IOCTL_PRIVCMD_RESTRICT";

/// An open `/dev/xen/privcmd`, and bounce buffers for its hypercalls.
///
/// It is a [`Hypercall`](xen_ops::hypercall::Hypercall): everything that takes one works here as in a
/// kernel, as far as the domain has the rights.
///
/// Buffers of a hypercall are copied to memory that stays resident, and back: 256 KiB, mapped once and
/// shared by all threads. Each buffer takes whole chunks of 4 KiB in a row. So a hypercall is one system
/// call, and allocates nothing. A buffer that does not fit is mapped for the one hypercall: two more
/// system calls.
///
/// ```no_run
/// use xen_linux::Privcmd;
/// use xen_linux::xen_ops::hypercall::xen_version;
///
/// let xen = Privcmd::open()?;
/// let version = xen_version::version(&xen)?;
/// println!("Xen {}.{}", version >> 16, version & 0xffff);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Results
///
/// If Linux refuses to issue a hypercall, its error number is the result, as if Xen had returned it:
/// -EPERM after [`restrict`](Self::restrict), -EINTR, and -ENOMEM if there is no memory for buffers (then
/// Xen has not been called). In a child of the process that opened the device every hypercall is -EBADF.
#[derive(Debug)]
pub struct Privcmd {
    device: Device,
    bounce: BounceBuffers,
}

impl Privcmd {
    /// Opens `/dev/xen/privcmd` and, for bounce buffers, `/dev/xen/hypercall`, which Linux has since 4.18.
    /// A child of the process cannot use them: see [the crate](crate#fork).
    ///
    /// # Errors
    ///
    /// - [`Cause::Open`](crate::Cause::Open): its text says what to do.
    /// - [`Cause::Unsupported`](crate::Cause::Unsupported) if one of them is another device.
    /// - The kernel's answer to `mmap`.
    pub fn open() -> Result<Self, Error> {
        Self::open_at(PRIVCMD.0, HYPERCALL.0)
    }

    /// Opens the devices at other paths.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_at(privcmd: impl AsRef<Path>, hypercall: impl AsRef<Path>) -> Result<Self, Error> {
        let device = Device::open(privcmd.as_ref())?;
        let buffers = Device::open(hypercall.as_ref())?;
        Ok(Self { device: Self::checked(device)?, bounce: Self::buffers(buffers)? })
    }

    /// Uses descriptors that this process has opened itself, or received: `privcmd`, and `hypercall` for
    /// bounce buffers.
    ///
    /// # Errors
    ///
    /// [`Cause::Unsupported`](crate::Cause::Unsupported) if one of them is of another device; the kernel's
    /// answer to `mmap`. Both descriptors are returned.
    pub fn new(
        privcmd: OwnedFd,
        hypercall: OwnedFd,
    ) -> Result<Self, Failed<Error, (OwnedFd, OwnedFd)>> {
        let device = match from_fd(privcmd, Self::checked) {
            Ok(device) => device,
            Err(failed) => return Err(failed.map(|privcmd| (privcmd, hypercall))),
        };
        match from_fd(hypercall, Self::buffers) {
            Ok(bounce) => Ok(Self { device, bounce }),
            Err(Failed { error, returned }) => {
                Err(Failed { error, returned: device.into_fd().zip(returned) })
            }
        }
    }

    /// Checks that the device is privcmd, and answers as it does.
    fn checked(device: Device) -> Result<Device, Error> {
        device.check_is(PRIVCMD)?;
        dm_op::check(&device).map(|()| device)
    }

    /// Bounce buffers of the device for them. In another file someone else could write.
    fn buffers(device: Device) -> Result<BounceBuffers, Error> {
        device.check_is(HYPERCALL)?;
        BounceBuffers::new(device)
    }

    /// Permanently restricts the device to operations of device models and mappings, of `domain` only.
    ///
    /// `IOCTL_PRIVCMD_RESTRICT`.
    ///
    /// # Errors
    ///
    /// EINVAL if it is restricted to another domain already.
    pub fn restrict(&self, domain: DomainId) -> Result<(), Error> {
        let mut domid = domain.domid();
        // SAFETY: the ioctl reads the number of a domain.
        unsafe { self.device.ioctl_again(RESTRICT, IOCTL_PRIVCMD_RESTRICT, &raw mut domid) }?;
        Ok(())
    }
}

impl AsFd for Privcmd {
    /// The descriptor of privcmd.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}
