//! `/dev/xen/gntdev`.

#![allow(unsafe_code, reason = "ioctls")]

mod copy;
mod dmabuf;
mod grants;
mod mapping;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::io::Errno;
use xen_abi::linux::gntdev::{
    IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, IOCTL_GNTDEV_MAP_GRANT_REF,
    ioctl_gntdev_get_offset_for_vaddr, ioctl_gntdev_map_grant_ref,
};
use xen_ops::gnttab::Access;
use xen_ops::gnttab::foreign::Foreign;

pub use copy::{Copied, Segment};
pub use dmabuf::{Exported, Imported, Memory, Releasing};
pub use grants::Grants;
pub use mapping::Mapping;

use crate::device::Device;
use crate::wide::number;
use crate::{Cause, Error};

/// How many grants can be mapped at once: the kernel's limit, unless its module's parameter `limit`
/// says otherwise.
pub const MOST: usize = 64 * 1024;

const MAP: &str = "IOCTL_GNTDEV_MAP_GRANT_REF";
const LOCATE: &str = "IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR";

/// An open `/dev/xen/gntdev`. Clones share the descriptor, and so does whatever comes from it.
#[derive(Clone, Debug)]
pub struct Gntdev {
    device: Device,
}

/// Where the kernel has a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// The mapping's offset in the device, in bytes of address space.
    pub offset: u64,
    /// How many grants it has.
    pub count: usize,
}

impl Gntdev {
    /// Opens `/dev/xen/gntdev`. A child of the process cannot use it: see [the crate](crate#fork).
    ///
    /// # Errors
    ///
    /// [`Cause::Open`]: its text says what can be done. As [`try_from`](Self::try_from), for the rest.
    pub fn open() -> Result<Self, Error> {
        Self::open_at("/dev/xen/gntdev")
    }

    /// Opens the device at another place.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_at(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::checked(Device::open(path.as_ref())?)
    }

    /// A device that answers as gntdev does.
    fn checked(device: Device) -> Result<Self, Error> {
        let device = Self { device };
        match device.locate(0) {
            // Nothing is mapped at address 0; the kernel looks behind it too.
            Err(error) if error.as_errno() != Some(Errno::INVAL) => Err(error),
            _ => Ok(device),
        }
    }

    /// Maps one grant.
    ///
    /// # Errors
    ///
    /// As [`map_all`](Self::map_all).
    pub fn map<A: Access>(&self, grant: Foreign) -> Result<Mapping<A>, Error> {
        let mut argument = ioctl_gntdev_map_grant_ref {
            count: 1,
            refs: [grants::element(grant)],
            ..ioctl_gntdev_map_grant_ref::ZERO
        };
        // SAFETY: the kernel reads one grant, which is there, and writes the index.
        unsafe { self.device.ioctl_again(MAP, IOCTL_GNTDEV_MAP_GRANT_REF, &raw mut argument) }?;
        Mapping::new(&self.device, number(argument.index), 1)
    }

    /// Maps all of these grants, or none: one page behind the other, in their order.
    ///
    /// `grants` is `&mut` because the kernel writes into its head; the grants in it stay, and it can be
    /// used again.
    ///
    /// # Errors
    ///
    /// - [`Cause::Count`] if there are none, or more than [`MOST`]; then nothing has been done.
    /// - [`Cause::Refused`] if Xen does not allow one of them.
    /// - What the kernel says: ENOMEM.
    pub fn map_all<A: Access>(&self, grants: &mut Grants) -> Result<Mapping<A>, Error> {
        let count = counted(MAP, grants.len())?;
        let argument = grants.argument(count);
        // SAFETY: the list has as many grants as it says, and the kernel writes into its head.
        unsafe { self.device.ioctl_again(MAP, IOCTL_GNTDEV_MAP_GRANT_REF, argument) }?;
        Mapping::new(&self.device, grants.index(), count)
    }

    /// Which mapping the kernel has at `address`, or next behind it if there is none.
    ///
    /// # Errors
    ///
    /// EINVAL if that is no mapping of gntdev's.
    pub fn locate(&self, address: usize) -> Result<Located, Error> {
        let mut argument = ioctl_gntdev_get_offset_for_vaddr {
            vaddr: crate::wide::wide(address as u64),
            ..ioctl_gntdev_get_offset_for_vaddr::ZERO
        };
        // SAFETY: the kernel looks up the address and writes into the structure.
        unsafe {
            let opcode = IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR;
            self.device.ioctl_again(LOCATE, opcode, &raw mut argument)
        }?;
        Ok(Located { offset: number(argument.offset), count: argument.count as usize })
    }
}

/// A descriptor that somebody else has opened, for this process.
impl TryFrom<OwnedFd> for Gntdev {
    type Error = Error;

    /// # Errors
    ///
    /// [`Cause::NotOffered`] if it is not gntdev's, or what the kernel says. The descriptor is closed
    /// then.
    fn try_from(descriptor: OwnedFd) -> Result<Self, Error> {
        Self::checked(Device::new(descriptor)?)
    }
}

impl AsFd for Gntdev {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

/// How many grants, if an operation can take so many.
fn counted(operation: &'static str, count: usize) -> Result<u32, Error> {
    match u32::try_from(count) {
        Ok(number) if (1..=MOST).contains(&count) => Ok(number),
        _ => Err(Error::new(operation, Cause::Count { count, least: 1, most: MOST })),
    }
}
