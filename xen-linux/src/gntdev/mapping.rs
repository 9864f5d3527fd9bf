//! Mapped grants.

#![allow(unsafe_code, reason = "ioctls, and views of what is mapped")]

use std::marker::PhantomData;
use std::ptr::NonNull;

use rustix::io::Errno;
use xen_abi::linux::gntdev::{
    IOCTL_GNTDEV_SET_UNMAP_NOTIFY, IOCTL_GNTDEV_UNMAP_GRANT_REF, ioctl_gntdev_unmap_grant_ref,
    ioctl_gntdev_unmap_notify,
};
use xen_ops::gnttab::Access;
use xen_ops::view::View;

use crate::device::Device;
use crate::index::Index;
use crate::mmap_region::rights;
use crate::notify::UnmapNotify;
use crate::pages::Pages;
use crate::wide::wide;
use crate::{Cause, Error};

const UNMAP: &str = "IOCTL_GNTDEV_UNMAP_GRANT_REF";
const NOTIFY: &str = "IOCTL_GNTDEV_SET_UNMAP_NOTIFY";

/// Grants that are mapped into this process, unmapped when the value goes.
///
/// It keeps the device open. In a child it gives no pages, and leaves the parent's alone: see
/// [the crate](crate#fork).
#[derive(Debug)]
#[must_use = "a mapping that is dropped is unmapped"]
pub struct Mapping<A: Access> {
    pub(crate) pages: Pages,
    access: PhantomData<A>,
}

impl<A: Access> Mapping<A> {
    /// Maps what the kernel keeps under `index`, or gives it back.
    pub(crate) fn new(device: &Device, index: u64, count: u32) -> Result<Self, Error> {
        let index = Index::new(device, index, count, unmap);
        // The index was made for this, so there is one reason left that mmap calls invalid.
        let pages = Pages::map(index, rights::<A>())
            .map_err(Error::instead(Errno::INVAL, Cause::Refused))?;
        Ok(Self { pages, access: PhantomData })
    }

    /// How many grants are mapped.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.pages.count()
    }

    /// Grant `page`, counted from 0, or `None` if there are not so many. A child has none.
    #[must_use]
    pub fn page(&self, page: usize) -> Option<View<'_, A>> {
        // SAFETY: they are mapped with the rights of `A`.
        unsafe { self.pages.view(page) }
    }

    /// All of the grants, in their order.
    pub fn pages(&self) -> impl Iterator<Item = View<'_, A>> {
        (0..self.count()).map_while(|page| self.page(page))
    }

    /// Where the first grant begins.
    #[must_use]
    pub const fn address(&self) -> NonNull<u8> {
        self.pages.area().base()
    }

    /// Bytes of address space that it takes: [`stride`](Self::stride) for each grant.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.pages.area().length()
    }

    /// Bytes from one grant to the next: the size of the kernel's pages. Of those bytes the first
    /// [`PAGE_SIZE`](xen_ops::page::PAGE_SIZE) are the grant, and the others are not to be touched.
    #[must_use]
    pub const fn stride(&self) -> usize {
        self.pages.stride()
    }

    /// Its offset in the device, in bytes of address space: what the kernel calls its index.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.pages.index().first()
    }

    /// Sets what the kernel does when the grants are unmapped, instead of what was set before.
    /// `page` is the one that has the byte, if there is a byte.
    ///
    /// # Errors
    ///
    /// - [`Cause::Page`] or [`Cause::Range`] if there is no such page, or no such byte in a page.
    /// - EINVAL if no process has that port open, from `/dev/xen/evtchn`.
    pub fn notify(&self, page: usize, notify: UnmapNotify<A>) -> Result<(), Error> {
        let index = self.pages.place(NOTIFY, page, notify.offset())?;
        let mut argument = ioctl_gntdev_unmap_notify {
            index: wide(index),
            action: notify.action(),
            event_channel_port: notify.port(),
        };
        let device = self.pages.index().device();
        // SAFETY: the kernel reads the structure. The byte that it will write is in a page that is
        // mapped for writing, and is seen through views only.
        unsafe { device.ioctl_again(NOTIFY, IOCTL_GNTDEV_SET_UNMAP_NOTIFY, &raw mut argument) }?;
        Ok(())
    }

    /// Unmaps, and says whether that worked. A step that fails is tried once more: what could not be
    /// unmapped stays until the process ends.
    ///
    /// The kernel ends the use of the grants later while somebody still has one of the pages, as a device
    /// that reads or writes it (`O_DIRECT`) does. So `Ok` does not say that their owner can take them back
    /// yet.
    ///
    /// # Errors
    ///
    /// What went wrong first.
    pub fn unmap(self) -> Result<(), Error> {
        self.pages.unmap()
    }
}

fn unmap(device: &Device, index: u64, count: u32) -> Result<(), Error> {
    let index = wide(index);
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
    use xen_ops::view::{OutOfBounds, ReadOnly, ReadWrite};

    use super::*;
    use crate::testing::{is_mapped, memory};

    /// `count` pages in the place of grants.
    fn mapping<A: Access>(name: &str, count: u32) -> Mapping<A> {
        let (device, _) = memory(name, count as usize * page_size());
        Mapping::new(&device, 0, count).unwrap()
    }

    #[test]
    fn its_pages_are_views_of_what_is_mapped() {
        let mapping = mapping::<ReadWrite>("pages", 3);
        for (page, view) in (0_u8..).zip(mapping.pages()) {
            view.write(0, &[page + 1]).unwrap();
        }
        let bytes: Vec<u8> = mapping.pages().map(|view| view.read_obj(0).unwrap()).collect();
        assert_eq!(bytes, [1, 2, 3]);
        // SAFETY: mapped, and nobody writes.
        let third = unsafe { mapping.address().add(2 * mapping.stride()).read() };
        assert_eq!((third, mapping.length(), mapping.count()), (3, 3 * page_size(), 3));
    }

    #[test]
    fn what_is_for_reading_is_mapped_for_reading() {
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
        // No place where a mapping could begin, so that mmap says EINVAL.
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
        // This one is for the device, which is none.
        let event = UnmapNotify::clear_byte(4095).and_send_event(evtchn_port_t(1));
        assert_eq!(cause(1, event), Cause::Unsupported);
    }

    #[test]
    fn unmapping_says_what_went_wrong_and_does_the_rest() {
        let mapping = mapping::<ReadWrite>("unmap", 1);
        assert_eq!(mapping.unmap(), Err(Error::new(UNMAP, Cause::Unsupported)));
        assert!(!is_mapped("unmap"));
    }

    #[test]
    fn it_can_go_to_another_thread() {
        fn check<T: Send + Sync>() {}
        check::<Mapping<ReadOnly>>();
        check::<super::super::Gntdev>();
        check::<super::super::Grants>();
        check::<super::super::Segment<'_>>();
        check::<super::super::Imported>();
        check::<crate::gntalloc::Shared>();
    }
}
