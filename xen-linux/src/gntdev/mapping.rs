//! Mapped grants.

#![allow(unsafe_code, reason = "ioctls, and views of mapped memory")]

use std::marker::PhantomData;

use rustix::io::Errno;
use xen_abi::linux::gntdev::{
    IOCTL_GNTDEV_SET_UNMAP_NOTIFY, IOCTL_GNTDEV_UNMAP_GRANT_REF, ioctl_gntdev_unmap_grant_ref,
    ioctl_gntdev_unmap_notify,
};
use xen_ops::Failed;

use crate::device::Device;
use crate::index::Index;
use crate::mmap_region::prot;
use crate::notify::UnmapNotify;
use crate::pages::Pages;
use crate::{Access, Cause, Error, View};

const UNMAP: &str = "IOCTL_GNTDEV_UNMAP_GRANT_REF";
const NOTIFY: &str = "IOCTL_GNTDEV_SET_UNMAP_NOTIFY";

/// Grants that are mapped into this process, unmapped when the value is dropped.
///
/// It keeps the device open. In a child it has no pages, and leaves the parent's alone: see
/// [the crate](crate#fork).
#[derive(Debug)]
#[must_use = "a mapping that is dropped is unmapped"]
pub struct Mapping<A: Access> {
    pub(crate) pages: Pages,
    access: PhantomData<A>,
}

impl<A: Access> Mapping<A> {
    /// Maps the grants that the kernel has put under `index`, or releases them.
    pub(crate) fn new(device: &Device, index: u64, count: u32) -> Result<Self, Error> {
        let index = Index::new(device, index, count, unmap);
        // The index was made for this mapping, so EINVAL of mmap has only this reason.
        let pages =
            Pages::map(index, prot::<A>()).map_err(Error::instead(Errno::INVAL, Cause::Refused))?;
        Ok(Self { pages, access: PhantomData })
    }

    /// How many grants are mapped.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.pages.count()
    }

    /// The page of grant `page`, counted from 0, or `None` past the last, and in a child.
    #[must_use]
    pub fn page(&self, page: usize) -> Option<View<'_, A>> {
        // SAFETY: they are mapped with the access `A`.
        unsafe { self.pages.view(page) }
    }

    /// The pages of all grants, in order.
    pub fn pages(&self) -> impl Iterator<Item = View<'_, A>> {
        (0..self.count()).map_while(|page| self.page(page))
    }

    /// Address of the first page.
    #[must_use]
    pub const fn as_ptr(&self) -> *mut u8 {
        self.pages.region().base().as_ptr()
    }

    /// Bytes of address space that the mapping takes: [`stride`](Self::stride) for each grant.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.pages.region().size()
    }

    /// Bytes from one grant to the next: the size of the kernel's pages. The first
    /// [`PAGE_SIZE`](xen_ops::page::PAGE_SIZE) of those bytes are the grant. Do not access the others.
    #[must_use]
    pub const fn stride(&self) -> usize {
        self.pages.stride()
    }

    /// Its offset in the device, in bytes of address space: the kernel calls it the index.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.pages.index().first()
    }

    /// Sets what the kernel does when the grants are unmapped. It replaces what was set before. `page` is
    /// the one with the byte, if a byte is cleared.
    ///
    /// # Errors
    ///
    /// - [`Cause::Page`] or [`Cause::Range`] if there is no such page, or no such byte in a page.
    /// - EINVAL if no process has bound that port through `/dev/xen/evtchn`.
    pub fn notify(&self, page: usize, notify: UnmapNotify<A>) -> Result<(), Error> {
        let mut argument = ioctl_gntdev_unmap_notify {
            index: self.pages.place(NOTIFY, page, notify.offset())?,
            action: notify.action(),
            event_channel_port: notify.port().0,
        };
        let device = self.pages.index().device();
        // SAFETY: the kernel reads the structure. The byte that it will write is in a page that is
        // mapped for writing, and accessed through views only.
        unsafe { device.ioctl_again(NOTIFY, IOCTL_GNTDEV_SET_UNMAP_NOTIFY, &raw mut argument) }?;
        Ok(())
    }

    /// Unmaps the grants. Dropping the value does the same, without a report.
    ///
    /// While a page is still in use, as by a device that reads or writes it (`O_DIRECT`), the kernel ends
    /// the use of the grants later. So after `Ok` their owner may still be unable to revoke them.
    ///
    /// # Errors
    ///
    /// The kernel's error number; each step was tried twice. If the grants could not be unmapped, they
    /// are still mapped, and the mapping is returned. If only the kernel's number of them could not be
    /// released, nothing is returned, and closing the device releases it.
    pub fn unmap(self) -> Result<(), Failed<Error, Self>> {
        let access = self.access;
        self.pages.unmap().map_err(|failed| failed.map(|pages| Self { pages, access }))
    }
}

fn unmap(device: &Device, index: u64, count: u32) -> Result<(), Error> {
    let mut argument =
        ioctl_gntdev_unmap_grant_ref { index, count, ..ioctl_gntdev_unmap_grant_ref::ZERO };
    // SAFETY: the kernel reads the structure.
    unsafe { device.ioctl_again(UNMAP, IOCTL_GNTDEV_UNMAP_GRANT_REF, &raw mut argument) }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rustix::param::page_size;
    use xen_abi::event_channel::evtchn_port_t;
    use xen_ops::view::OutOfBounds;

    use super::*;
    use crate::testing::{in_child, is_mapped, memory};
    use crate::{ReadOnly, ReadWrite};

    /// `count` pages in the place of grants.
    fn mapping<A: Access>(name: &str, count: u32) -> Mapping<A> {
        let (device, _) = memory(name, count as usize * page_size());
        Mapping::new(&device, 0, count).unwrap()
    }

    #[test]
    fn pages_are_views_of_the_mapped_memory() {
        let mapping = mapping::<ReadWrite>("pages", 3);
        for (page, view) in (0_u8..).zip(mapping.pages()) {
            view.write(0, &[page + 1]).unwrap();
        }
        let bytes: Vec<u8> = mapping.pages().map(|view| view.read_obj(0).unwrap()).collect();
        assert_eq!(bytes, [1, 2, 3]);
        // SAFETY: mapped, and no thread writes.
        let third = unsafe { mapping.as_ptr().add(2 * mapping.stride()).read() };
        assert_eq!((third, mapping.size(), mapping.count()), (3, 3 * page_size(), 3));
    }

    #[test]
    fn a_read_only_mapping_is_mapped_for_reading() {
        let maps = || std::fs::read_to_string("/proc/self/maps").unwrap();
        let rights = |name: &str| {
            let line = |line: &&str| line.contains(&format!("/memfd:{name} "));
            maps().lines().find(line).and_then(|line| line.split(' ').nth(1)).unwrap().to_owned()
        };
        let _mappings =
            (mapping::<ReadOnly>("read-only", 1), mapping::<ReadWrite>("read-write", 1));
        assert_eq!((&*rights("read-only"), &*rights("read-write")), ("r--s", "rw-s"));
    }

    #[test]
    fn grants_that_xen_refuses_are_an_error_of_their_own() {
        let (device, _) = memory("refused-grants", page_size());
        // Not the offset of a page, so mmap says EINVAL.
        let error = Mapping::<ReadOnly>::new(&device, 1, 1).unwrap_err();
        assert_eq!(error, Error::new("mmap", Cause::Refused));
    }

    #[test]
    fn a_byte_outside_is_refused_before_any_call() {
        let mapping = mapping::<ReadWrite>("notify", 2);
        let cause = |page, notify| mapping.notify(page, notify).unwrap_err().cause().clone();
        assert_eq!(cause(2, UnmapNotify::NOTHING), Cause::Page { page: 2, pages: 2 });
        let range = OutOfBounds { offset: 4096, length: 1 };
        assert_eq!(cause(1, UnmapNotify::clear_byte(4096)), Cause::Range(range));
        // This one reaches the device, which is not a gntdev.
        let event = UnmapNotify::clear_byte(4095).and_send_event(evtchn_port_t(1));
        assert_eq!(cause(1, event), Cause::Unsupported);
    }

    #[test]
    fn a_failed_release_is_an_error_after_unmapping() {
        let mapping = mapping::<ReadWrite>("unmap", 1);
        let failed = mapping.unmap().unwrap_err();
        assert_eq!(failed.error, Error::new(UNMAP, Cause::Unsupported));
        assert!(failed.returned.is_none());
        assert!(!is_mapped("unmap"));
    }

    #[test]
    fn a_mapping_that_is_not_unmapped_is_returned() {
        let mapping = mapping::<ReadWrite>("returned-mapping", 1);
        in_child(|| {
            let failed = mapping.unmap().unwrap_err();
            assert_eq!(failed.error, Error::new("munmap", Cause::Forked));
            assert_eq!(failed.returned.unwrap().count(), 1);
            assert!(is_mapped("returned-mapping"));
        });
    }

    #[test]
    fn mappings_are_send_and_sync() {
        fn check<T: Send + Sync>() {}
        check::<Mapping<ReadOnly>>();
        check::<super::super::Gntdev>();
        check::<super::super::Grants>();
        check::<super::super::Segment<'_>>();
        check::<super::super::Imported>();
        check::<crate::gntalloc::Shared>();
    }
}
