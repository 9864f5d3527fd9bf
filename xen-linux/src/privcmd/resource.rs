//! Memory that belongs to a domain and has no frame number in it: its grant table, and the pages of its
//! I/O request servers.

#![allow(unsafe_code, reason = "an ioctl, and views of mapped memory")]

use std::marker::PhantomData;

use rustix::param::page_size;
use xen_abi::linux::privcmd::{IOCTL_PRIVCMD_MMAP_RESOURCE, privcmd_mmap_resource};
use xen_ops::Failed;
use xen_ops::memory::acquire::Resource;
use xen_ops::page::PAGE_SIZE;

use super::Privcmd;
use super::frames::size_of_frames;
use crate::mmap_region::{MmapRegion, prot};
use crate::{Access, Cause, DomainId, Error, View};

const MAP: &str = "IOCTL_PRIVCMD_MMAP_RESOURCE";

/// Frames of a resource that are mapped into this process, one after the other, unmapped when the value
/// is dropped.
///
/// It keeps the device open. In a child it has no frames, and leaves the parent's alone: see
/// [the crate](crate#fork).
#[derive(Debug)]
#[must_use = "frames that are dropped are unmapped"]
pub struct ResourceFrames<A: Access> {
    region: MmapRegion,
    access: PhantomData<A>,
}

impl Privcmd {
    /// How many frames `resource` of `domain` has, or can have.
    ///
    /// `IOCTL_PRIVCMD_MMAP_RESOURCE` without an address, since Linux 5.11.
    ///
    /// # Errors
    ///
    /// The kernel's error number: EINVAL (no such resource; an older kernel), ESRCH (no such domain),
    /// EPERM (not allowed, or restricted to another domain).
    pub fn resource_size(&self, domain: DomainId, resource: Resource) -> Result<usize, Error> {
        let mut argument = argument(domain, resource);
        // SAFETY: without an address the kernel writes the size and nothing else.
        unsafe { self.device.ioctl_again(MAP, IOCTL_PRIVCMD_MMAP_RESOURCE, &raw mut argument) }?;
        Ok(usize::try_from(argument.num).unwrap_or(usize::MAX))
    }

    /// Maps `count` frames of `resource` of `domain`, beginning at its frame `first`: all or none.
    ///
    /// `IOCTL_PRIVCMD_MMAP_RESOURCE`.
    ///
    /// ```no_run
    /// use xen_linux::xen_abi::grant_table::grant_entry_v1;
    /// use xen_linux::xen_ops::memory::acquire::Resource;
    /// use xen_linux::{DomainId, Privcmd, ReadOnly, domid_t};
    ///
    /// // What does domain 3 grant as number 8?
    /// let xen = Privcmd::open()?;
    /// let table = Resource::GrantTable { status: false };
    /// let pages = xen.map_resource(DomainId::new(domid_t(3))?, table, 0, 1, ReadOnly)?;
    /// let entry: grant_entry_v1 =
    ///     pages.frame(0).ok_or("no frame")?.read_obj(8 * size_of::<grant_entry_v1>())?;
    /// println!("{entry:?}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Cause::Count`] if `count` is 0, or more than fits into the address space.
    /// - [`Cause::KernelPages`] on a kernel whose pages are larger than frames: it maps more frames than
    ///   the mapping has space for.
    /// - The kernel's error number: EINVAL (no such resource, or it does not have these frames), ENOENT
    ///   (no such server or vCPU), ESRCH (no such domain), EPERM (not allowed, or restricted to another
    ///   domain), EIO, ENOMEM.
    pub fn map_resource<A: Access>(
        &self,
        domain: DomainId,
        resource: Resource,
        first: u32,
        count: usize,
        _: A,
    ) -> Result<ResourceFrames<A>, Error> {
        let size = size_of_frames(MAP, count)?;
        if page_size() != PAGE_SIZE {
            return Err(Error::new(MAP, Cause::KernelPages { size: page_size() }));
        }
        let region = MmapRegion::map(&self.device, 0, size, prot::<A>())?;
        let mut argument = argument(domain, resource);
        argument.idx = first;
        argument.num = count as u64;
        argument.addr = region.base().addr().get() as u64;
        // SAFETY: the kernel maps as many frames as the region has pages for, and nothing has accessed
        // them yet.
        unsafe { self.device.ioctl(MAP, IOCTL_PRIVCMD_MMAP_RESOURCE, &raw mut argument) }?;
        Ok(ResourceFrames::new(region))
    }
}

impl<A: Access> ResourceFrames<A> {
    pub(super) const fn new(region: MmapRegion) -> Self {
        Self { region, access: PhantomData }
    }

    /// How many frames are mapped.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.region.size() / PAGE_SIZE
    }

    /// Frame `index` of the mapped ones, counted from 0, or `None` past the last, and in a child.
    #[must_use]
    pub fn frame(&self, index: usize) -> Option<View<'_, A>> {
        if index >= self.count() || !self.region.device().is_own() {
            return None;
        }
        // SAFETY: inside the region, which is mapped with the access `A` for as long as the borrow. Other
        // users of it use views, or are other domains or Xen.
        Some(unsafe { View::new(self.region.base().add(index * PAGE_SIZE)) })
    }

    /// Address of the first frame.
    #[must_use]
    pub const fn as_ptr(&self) -> *mut u8 {
        self.region.base().as_ptr()
    }

    /// Bytes of address space that the frames take.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.region.size()
    }

    /// Unmaps the frames. Dropping the value does the same, without a report.
    ///
    /// # Errors
    ///
    /// The kernel's error number, after two attempts. The frames are still mapped, and returned.
    pub fn unmap(self) -> Result<(), Failed<Error, Self>> {
        let access = self.access;
        self.region.unmap().map_err(|failed| failed.map(|region| Self { region, access }))
    }
}

/// Without frames and address.
fn argument(domain: DomainId, resource: Resource) -> privcmd_mmap_resource {
    let (kind, id) = resource.encode();
    let mut argument = privcmd_mmap_resource::ZERO;
    (argument.dom, argument.type_, argument.id) = (domain.domid(), kind.into(), id);
    argument
}
