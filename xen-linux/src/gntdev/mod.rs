//! `/dev/xen/gntdev`: what other domains grant.
//!
//! [`Gntdev::map`] maps one grant and [`Gntdev::map_all`] a list of them, of one domain or several, for
//! reading or for writing. What comes back is a [`Mapping`], which owns the pages:
//!
//! ```no_run
//! use xen_abi::event_channel::evtchn_port_t;
//! use xen_abi::grant_table::grant_ref_t;
//! use xen_abi::xen::domid_t;
//! use xen_linux::gntdev::{Gntdev, Grants, Mapping};
//! use xen_linux::notify::UnmapNotify;
//! use xen_ops::gnttab::{DomainId, RemoteGrant};
//! use xen_ops::view::{ReadOnly, ReadWrite};
//!
//! let gntdev = Gntdev::open()?;
//! let peer = DomainId::new(domid_t(3))?;
//!
//! // A ring. Should this process die, its peer finds a 0 at offset 32, and gets an event.
//! let ring: Mapping<ReadWrite> = gntdev.map(RemoteGrant::new(peer, grant_ref_t(8)))?;
//! ring.notify(0, UnmapNotify::clear_byte(32).and_send_event(evtchn_port_t(9)))?;
//!
//! // Requests, whose pages come and go. The list is made once.
//! let mut grants = Grants::with_capacity(11);
//! for first in [100, 200] {
//!     grants.clear();
//!     grants.extend((first..first + 11).map(|number| RemoteGrant::new(peer, grant_ref_t(number))));
//!     let request = gntdev.map_all::<ReadOnly>(&mut grants)?;
//!     let mut sector = [0; 512];
//!     for page in request.pages() {
//!         page.read(0, &mut sector)?;
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A mapping keeps its grants in use: their owner cannot take them back before it goes. What is looked
//! at once is better copied: [`Gntdev::copy`] copies ranges of bytes between grants and the process' own
//! memory without mapping anything.
//!
//! [`Gntdev::export`] and [`Gntdev::import`] make buffers that devices share (dma-buf) of grants, and
//! grants of such buffers, where the kernel was built with `CONFIG_XEN_GNTDEV_DMABUF`.
//!
//! Upstream: `xen/gntdev.h` of Linux; `drivers/xen/gntdev.c` is what answers.

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
use xen_ops::gnttab::RemoteGrant;

pub use copy::{Copied, Segment};
pub use dmabuf::{Exported, Imported, Memory, Releasing};
pub use grants::Grants;
pub use mapping::Mapping;

use crate::device::Device;
use crate::wide::{number, wide};
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
pub struct MappingOffset {
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
    pub fn map<A: Access>(&self, grant: RemoteGrant) -> Result<Mapping<A>, Error> {
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
    /// - What the kernel says: ENOMEM; EINVAL if there are more than its own limit, where somebody has
    ///   lowered that.
    pub fn map_all<A: Access>(&self, grants: &mut Grants) -> Result<Mapping<A>, Error> {
        let count = counted(MAP, grants.len())?;
        let argument = grants.argument(count);
        // SAFETY: the list has as many grants as it says, and the kernel writes into its head.
        unsafe { self.device.ioctl_again(MAP, IOCTL_GNTDEV_MAP_GRANT_REF, argument) }?;
        Mapping::new(&self.device, grants.index(), count)
    }

    /// Which mapping the kernel has at `address`, or next behind it if there is none. It may be of another
    /// open gntdev of this process', and the offset is one there.
    ///
    /// # Errors
    ///
    /// EINVAL if that is no mapping of gntdev's.
    pub fn locate(&self, address: usize) -> Result<MappingOffset, Error> {
        let mut argument = ioctl_gntdev_get_offset_for_vaddr {
            vaddr: wide(address as u64),
            ..ioctl_gntdev_get_offset_for_vaddr::ZERO
        };
        // SAFETY: the kernel looks up the address and writes into the structure.
        unsafe {
            let opcode = IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR;
            self.device.ioctl_again(LOCATE, opcode, &raw mut argument)
        }?;
        Ok(MappingOffset { offset: number(argument.offset), count: argument.count as usize })
    }
}

/// A descriptor that somebody else has opened, for this process.
impl TryFrom<OwnedFd> for Gntdev {
    type Error = Error;

    /// # Errors
    ///
    /// [`Cause::Unsupported`] if it is not gntdev's, or what the kernel says. The descriptor is closed
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

#[cfg(test)]
mod tests {
    use std::fs::File;

    use rustix::fs::{Mode, OFlags, open};
    use xen_abi::grant_table::grant_ref_t;
    use xen_abi::xen::domid_t;
    use xen_ops::gnttab::DomainId;
    use xen_ops::view::ReadOnly;

    use super::*;
    use crate::testing::{allocations, memory};

    fn grant(number: u32) -> RemoteGrant {
        RemoteGrant::new(DomainId::new(domid_t(3)).unwrap(), grant_ref_t(number))
    }

    #[test]
    fn another_device_is_not_taken_for_gntdev() {
        let other = Gntdev::open_at("/dev/null").unwrap_err();
        assert_eq!(other, Error::new(LOCATE, Cause::Unsupported));
        let descriptor = OwnedFd::from(File::open("/dev/zero").unwrap());
        assert_eq!(Gntdev::try_from(descriptor).unwrap_err(), other);
    }

    /// The kernel calls it a bad descriptor too if it was opened for its path only.
    #[test]
    fn a_bad_descriptor_is_an_error() {
        let descriptor = open("/dev/null", OFlags::PATH, Mode::empty()).unwrap();
        let error = Gntdev::try_from(descriptor).unwrap_err();
        assert_eq!(error, Error::new(LOCATE, Cause::Errno(Errno::BADF)));
    }

    #[test]
    fn counts_are_checked_before_any_call() {
        let gntdev = Gntdev { device: memory("counts", 0).0 };
        let refused = |count| {
            let mut grants: Grants = (0..count).map(grant).collect();
            gntdev.map_all::<ReadOnly>(&mut grants).unwrap_err()
        };
        for count in [0, 65_537] {
            let cause = Cause::Count { count: count as usize, least: 1, most: 65_536 };
            assert_eq!(refused(count), Error::new(MAP, cause));
        }
        for count in [1, 65_536] {
            assert_eq!(refused(count), Error::new(MAP, Cause::Unsupported));
        }
    }

    #[test]
    fn mapping_and_copying_allocate_nothing() {
        let (device, _) = memory("allocations", rustix::param::page_size());
        let gntdev = Gntdev { device };
        let mut grants: Grants = (0..32).map(grant).collect();
        let mut buffer = [0; 16];
        let mut segments = [Segment::read(grant(8), 0, &mut buffer).unwrap()];
        let before = allocations();
        for _ in 0..2 {
            assert!(gntdev.map_all::<ReadOnly>(&mut grants).is_err());
            assert!(gntdev.map::<ReadOnly>(grant(8)).is_err());
            assert!(gntdev.copy(&mut segments).is_err());
            grants.clear();
            grants.extend((0..32).map(grant));
            // What comes after the ioctl, which this device does not have.
            let mapping = Mapping::<ReadOnly>::new(&gntdev.device, 0, 1).unwrap();
            assert!(mapping.page(0).is_some());
            drop(mapping);
        }
        assert_eq!(allocations(), before);
        drop(Box::new(1));
        assert_eq!(allocations(), before + 1);
    }
}
