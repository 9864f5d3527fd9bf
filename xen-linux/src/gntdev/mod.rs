//! `/dev/xen/gntdev`: pages that other domains grant.
//!
//! [`Gntdev::map`] maps one grant and [`Gntdev::map_all`] a list of them, of one domain or several, for
//! reading or for writing. Both return a [`Mapping`], which owns the pages:
//!
//! ```no_run
//! use xen_linux::{
//!     DomainId, Gntdev, Grants, ReadOnly, ReadWrite, RemoteGrant, UnmapNotify, domid_t,
//!     evtchn_port_t, grant_ref_t,
//! };
//!
//! let gntdev = Gntdev::open()?;
//! let frontend = DomainId::new(domid_t(3))?;
//!
//! // A ring. If this process dies, the front end finds a 0 at offset 32, and gets an event.
//! let ring = gntdev.map(RemoteGrant::new(frontend, grant_ref_t(8)), ReadWrite)?;
//! ring.notify(0, UnmapNotify::clear_byte(32).and_send_event(evtchn_port_t(9)))?;
//!
//! // The pages of each request. The list is allocated once.
//! let mut grants = Grants::with_capacity(11);
//! for first in [100, 200] {
//!     grants.clear();
//!     let references = (first..first + 11).map(grant_ref_t);
//!     grants.extend(references.map(|reference| RemoteGrant::new(frontend, reference)));
//!     let request = gntdev.map_all(&mut grants, ReadOnly)?;
//!     let mut sector = [0; 512];
//!     for page in request.pages() {
//!         page.read(0, &mut sector)?;
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A mapping keeps its grants in use: their owner cannot revoke them until it is dropped. Data that is
//! read once is better copied: [`Gntdev::copy`] copies ranges of bytes between grants and the process's
//! own memory without mapping anything.
//!
//! [`Gntdev::export`] makes a buffer that devices share (dma-buf) of grants, and [`Gntdev::import`]
//! grants the pages of one, where the kernel was built with `CONFIG_XEN_GNTDEV_DMABUF`.
//!
//! Upstream: `xen/gntdev.h` of Linux; the driver is `drivers/xen/gntdev.c`.
//!
//! # From libxengnttab
//!
//! | C | here |
//! |---|---|
//! | `xengnttab_open` | [`Gntdev::open`] |
//! | `xengnttab_close` | dropping the last of the [`Gntdev`]s and the values that come from it |
//! | `xengnttab_fd` | [`AsFd`] |
//! | `xengnttab_set_max_grants` | none: current kernels have no such limit |
//! | `xengnttab_map_grant_ref` | [`Gntdev::map`] |
//! | `xengnttab_map_grant_refs` | [`Gntdev::map_all`] |
//! | `xengnttab_map_domain_grant_refs` | [`Gntdev::map_all`], with grants of one domain |
//! | `xengnttab_map_grant_ref_notify` | [`Mapping::notify`] after [`Gntdev::map`] |
//! | `xengnttab_unmap` | [`Mapping::unmap`], or dropping the mapping |
//! | `xengnttab_grant_copy` | [`Gntdev::copy`] |
//! | `xengnttab_dmabuf_exp_from_refs` | [`Gntdev::export`] |
//! | `xengnttab_dmabuf_exp_wait_released` | [`Exported::release`], then [`Releasing::wait`] |
//! | `xengnttab_dmabuf_imp_to_refs` | [`Gntdev::import`] |
//! | `xengnttab_dmabuf_imp_release` | [`Imported::release`], or dropping the value |

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
use xen_ops::Failed;

#[cfg(feature = "drivers")]
pub(crate) use copy::COPY;
pub use copy::{Copied, Segment};
pub use dmabuf::{Exported, Imported, Memory, Releasing};
pub use grants::Grants;
pub use mapping::Mapping;

use crate::device::{Device, DeviceName, from_fd};
use crate::fam::FamStruct;
use crate::{Access, Error, RemoteGrant};

/// How many grants can be mapped at once. It is also the default of the parameter `limit` of the
/// kernel's module.
pub const MAX_GRANTS_PER_MAP: usize = ioctl_gntdev_map_grant_ref::MAX_LEN;

const GNTDEV: DeviceName = DeviceName("/dev/xen/gntdev");

const MAP: &str = "IOCTL_GNTDEV_MAP_GRANT_REF";
const LOCATE: &str = "IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR";

/// An open `/dev/xen/gntdev`. Clones share the descriptor, and so does everything that comes from it.
#[derive(Clone, Debug)]
pub struct Gntdev {
    device: Device,
}

/// A mapping as the kernel knows it.
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
    /// - [`Cause::Open`](crate::Cause::Open): its text says what to do.
    /// - [`Cause::Unsupported`](crate::Cause::Unsupported) if the device is not gntdev.
    pub fn open() -> Result<Self, Error> {
        Self::open_at(GNTDEV.0)
    }

    /// Opens the device at another path.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_at(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::checked(Device::open(path.as_ref())?)
    }

    /// Checks that the device is gntdev, and answers as it does.
    fn checked(device: Device) -> Result<Self, Error> {
        device.check_is(GNTDEV)?;
        let device = Self { device };
        match device.locate(0) {
            // Nothing is mapped at address 0, and the kernel takes the next mapping after it.
            Err(error) if error.as_errno() != Some(Errno::INVAL) => Err(error),
            _ => Ok(device),
        }
    }

    /// Maps one grant, for reading ([`ReadOnly`](crate::ReadOnly)) or for reading and writing
    /// ([`ReadWrite`](crate::ReadWrite)).
    ///
    /// # Errors
    ///
    /// As [`map_all`](Self::map_all).
    pub fn map<A: Access>(&self, grant: RemoteGrant, _: A) -> Result<Mapping<A>, Error> {
        let mut argument = ioctl_gntdev_map_grant_ref {
            count: 1,
            refs: [grants::element(grant)],
            ..ioctl_gntdev_map_grant_ref::ZERO
        };
        // SAFETY: the kernel reads one grant, which is there, and writes the index.
        unsafe { self.device.ioctl_again(MAP, IOCTL_GNTDEV_MAP_GRANT_REF, &raw mut argument) }?;
        Mapping::new(&self.device, argument.index, 1)
    }

    /// Maps all of these grants, or none: one page after the other, in order.
    ///
    /// `grants` is `&mut` because the kernel writes into its header. The grants in it do not change, and
    /// it can be used again.
    ///
    /// # Errors
    ///
    /// - [`Cause::Count`](crate::Cause::Count) if there are none, or more than [`MAX_GRANTS_PER_MAP`];
    ///   then no system call is made.
    /// - [`Cause::Refused`](crate::Cause::Refused) if Xen refuses one of them.
    /// - The kernel's error number: ENOMEM; EINVAL if the limit of the kernel's module is lower, and
    ///   there are more.
    pub fn map_all<A: Access>(&self, grants: &mut Grants, _: A) -> Result<Mapping<A>, Error> {
        let argument = grants.argument().map_err(Error::length(MAP))?;
        // SAFETY: the list has as many grants as it says, and the kernel writes into its header.
        unsafe { self.device.ioctl_again(MAP, IOCTL_GNTDEV_MAP_GRANT_REF, argument) }?;
        // The list has checked that the count fits.
        Mapping::new(&self.device, grants.index(), grants.len() as u32)
    }

    /// Looks up the mapping at `address`, or the next one after it if there is none. It may be of another
    /// open gntdev of this process, and the offset is one there.
    ///
    /// # Errors
    ///
    /// EINVAL if that is not a mapping of gntdev.
    pub fn locate(&self, address: usize) -> Result<MappingOffset, Error> {
        let mut argument = ioctl_gntdev_get_offset_for_vaddr {
            vaddr: address as u64,
            ..ioctl_gntdev_get_offset_for_vaddr::ZERO
        };
        // SAFETY: the kernel looks up the address and writes into the structure.
        unsafe {
            let opcode = IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR;
            self.device.ioctl_again(LOCATE, opcode, &raw mut argument)
        }?;
        Ok(MappingOffset { offset: argument.offset, count: argument.count as usize })
    }
}

#[cfg(test)]
impl Gntdev {
    /// A device that takes no ioctl, in place of gntdev.
    pub(crate) fn of(device: Device) -> Self {
        Self { device }
    }
}

/// A descriptor that this process has opened itself, or received.
impl TryFrom<OwnedFd> for Gntdev {
    type Error = Failed<Error, OwnedFd>;

    /// # Errors
    ///
    /// [`Cause::Unsupported`](crate::Cause::Unsupported) if it is not of gntdev, or the kernel's error
    /// number. The descriptor is returned.
    fn try_from(descriptor: OwnedFd) -> Result<Self, Self::Error> {
        from_fd(descriptor, Self::checked)
    }
}

impl AsFd for Gntdev {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use rustix::fs::{Mode, OFlags, open};
    use xen_abi::grant_table::grant_ref_t;
    use xen_abi::xen::domid_t;

    use super::*;
    use crate::testing::{allocations, memory};
    use crate::{Cause, DomainId, ReadOnly};

    fn grant(number: u32) -> RemoteGrant {
        RemoteGrant::new(DomainId::new(domid_t(3)).unwrap(), grant_ref_t(number))
    }

    #[test]
    fn another_device_is_not_taken_for_gntdev() {
        let other = Gntdev::open_at("/dev/null").unwrap_err();
        assert_eq!(other, Error::new(GNTDEV.0, Cause::Unsupported));
        let descriptor = OwnedFd::from(File::open("/dev/zero").unwrap());
        let failed = Gntdev::try_from(descriptor).unwrap_err();
        assert_eq!(failed.error, other);
        assert!(failed.returned.is_some());
    }

    /// A descriptor that was opened for its path only takes no ioctl.
    #[test]
    fn a_bad_descriptor_is_an_error() {
        let descriptor = open("/dev/null", OFlags::PATH, Mode::empty()).unwrap();
        let gntdev = Gntdev { device: Device::new(descriptor).unwrap() };
        let error = gntdev.locate(0).unwrap_err();
        assert_eq!(error, Error::new(LOCATE, Cause::Errno(Errno::BADF)));
    }

    #[test]
    fn counts_are_checked_before_any_call() {
        let gntdev = Gntdev::of(memory("counts", 0).0);
        let refused = |count| {
            let mut grants: Grants = (0..count).map(grant).collect();
            gntdev.map_all(&mut grants, ReadOnly).unwrap_err()
        };
        for count in [0, 65_537] {
            let cause = Cause::Count { count: count as usize, min: 1, max: 65_536 };
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
            assert!(gntdev.map_all(&mut grants, ReadOnly).is_err());
            assert!(gntdev.map(grant(8), ReadOnly).is_err());
            assert!(gntdev.copy(&mut segments).is_err());
            grants.clear();
            grants.extend((0..32).map(grant));
            // What follows the ioctl, which this device does not have.
            let mapping = Mapping::<ReadOnly>::new(&gntdev.device, 0, 1).unwrap();
            assert!(mapping.page(0).is_some());
            drop(mapping);
        }
        assert_eq!(allocations(), before);
        drop(Box::new(1));
        assert_eq!(allocations(), before + 1);
    }
}
