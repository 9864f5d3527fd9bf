//! What belongs to another domain and is none of its frames: its grant table, the pages of those who
//! emulate its devices.

#![allow(unsafe_code, reason = "an ioctl, and views of what is mapped")]

use std::marker::PhantomData;

use rustix::param::page_size;
use xen_abi::linux::privcmd::{IOCTL_PRIVCMD_MMAP_RESOURCE, privcmd_mmap_resource};
use xen_ops::gnttab::{Access, DomainId};
use xen_ops::memory::acquire::Resource;
use xen_ops::page::PAGE_SIZE;
use xen_ops::view::View;

use super::Privcmd;
use super::frames::length;
use crate::mmap_region::{MmapRegion, rights};
use crate::wide::{number, wide};
use crate::{Cause, Error};

const MAP: &str = "IOCTL_PRIVCMD_MMAP_RESOURCE";

/// Frames of a resource that are mapped into this process, one behind the other, unmapped when the value
/// goes.
///
/// It keeps the device open. In a child it gives no frames, and leaves the parent's alone: see
/// [the crate](crate#fork).
#[derive(Debug)]
#[must_use = "frames that are dropped are unmapped"]
pub struct ResourceFrames<A: Access> {
    area: MmapRegion,
    access: PhantomData<A>,
}

impl Privcmd {
    /// How many frames `resource` of `peer` has, or may have.
    ///
    /// `IOCTL_PRIVCMD_MMAP_RESOURCE` without room, since Linux 5.11.
    ///
    /// # Errors
    ///
    /// What the kernel says: EINVAL (no such resource; an older kernel), ESRCH (no such domain), EPERM (not
    /// allowed, or restricted to another domain).
    pub fn resource_size(&self, peer: DomainId, resource: Resource) -> Result<usize, Error> {
        let mut argument = argument(peer, resource);
        // SAFETY: without room the kernel writes the size and nothing else.
        unsafe { self.device.ioctl_again(MAP, IOCTL_PRIVCMD_MMAP_RESOURCE, &raw mut argument) }?;
        Ok(usize::try_from(number(argument.num)).unwrap_or(usize::MAX))
    }

    /// Maps `count` frames of `resource` of `peer`, from frame `first` of it on: all or none.
    ///
    /// `IOCTL_PRIVCMD_MMAP_RESOURCE`.
    ///
    /// ```no_run
    /// use xen_linux::privcmd::Privcmd;
    /// use xen_linux::xen_abi::{grant_table::grant_entry_v1, xen::domid_t};
    /// use xen_linux::xen_ops::gnttab::DomainId;
    /// use xen_linux::xen_ops::memory::acquire::Resource;
    /// use xen_linux::xen_ops::view::ReadOnly;
    ///
    /// // What does domain 3 grant as number 8?
    /// let xen = Privcmd::open()?;
    /// let table = Resource::GrantTable { status: false };
    /// let pages = xen.map_resource::<ReadOnly>(DomainId::new(domid_t(3))?, table, 0, 1)?;
    /// let entry: grant_entry_v1 =
    ///     pages.frame(0).ok_or("no frame")?.read_obj(8 * size_of::<grant_entry_v1>())?;
    /// println!("{entry:?}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Cause::Count`] if `count` is 0, or more than fits into the address space.
    /// - [`Cause::KernelPages`] on a kernel whose pages are larger than frames: it maps more of them than
    ///   it has room for.
    /// - What the kernel says: EINVAL (no such resource, or it does not have these frames), ENOENT (no such
    ///   server or vCPU), ESRCH (no such domain), EPERM (not allowed, or restricted to another domain),
    ///   EIO, ENOMEM.
    pub fn map_resource<A: Access>(
        &self,
        peer: DomainId,
        resource: Resource,
        first: u32,
        count: usize,
    ) -> Result<ResourceFrames<A>, Error> {
        let length = length(MAP, count)?;
        let size = page_size();
        if size != PAGE_SIZE {
            return Err(Error::new(MAP, Cause::KernelPages { size }));
        }
        let area = MmapRegion::map(&self.device, 0, length, rights::<A>())?;
        let mut argument = argument(peer, resource);
        argument.idx = first;
        argument.num = wide(count as u64);
        argument.addr = wide(area.base().as_ptr().addr() as u64);
        // SAFETY: the kernel maps as many frames as the area has pages for, which nobody has seen yet.
        unsafe { self.device.ioctl(MAP, IOCTL_PRIVCMD_MMAP_RESOURCE, &raw mut argument) }?;
        Ok(ResourceFrames { area, access: PhantomData })
    }
}

impl<A: Access> ResourceFrames<A> {
    /// How many frames are mapped.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.area.length() / PAGE_SIZE
    }

    /// Frame `index` of those mapped, counted from 0, or `None` if there are not so many. A child has none.
    #[must_use]
    pub fn frame(&self, index: usize) -> Option<View<'_, A>> {
        if index >= self.count() || !self.area.device().is_own() {
            return None;
        }
        // SAFETY: inside the area, which is mapped with the rights of `A` for as long as the borrow. Whoever
        // else looks at it does so through a view, or is another domain or Xen.
        Some(unsafe { View::new(self.area.base().add(index * PAGE_SIZE)) })
    }

    /// Unmaps, and says whether that worked. If not, they stay until the process ends.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn unmap(self) -> Result<(), Error> {
        self.area.unmap()
    }
}

/// Without frames and room.
fn argument(peer: DomainId, resource: Resource) -> privcmd_mmap_resource {
    let (kind, id) = resource.encode();
    let mut argument = privcmd_mmap_resource::ZERO;
    (argument.dom, argument.type_, argument.id) = (peer.domain(), kind.into(), id);
    argument
}
