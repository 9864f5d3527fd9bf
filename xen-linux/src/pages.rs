//! Pages of 4096 bytes in a mapping of the kernel's pages, which may be larger.

#![allow(unsafe_code, reason = "views of mapped memory")]

use rustix::mm::ProtFlags;
use rustix::param::page_size;
use xen_ops::Failed;
use xen_ops::page::PAGE_SIZE;
use xen_ops::view::OutOfBounds;

use crate::index::Index;
use crate::mmap_region::MmapRegion;
use crate::{Cause, Error, View};

/// Pages that are shared with other domains, mapped. When the value is dropped they are unmapped first,
/// and then released to the device.
///
/// A grant is [`PAGE_SIZE`] bytes on every kernel. A kernel whose own pages are larger puts each grant
/// at the start of a page of its own; the rest of that page is not shared, or not mapped at all.
#[derive(Debug)]
pub(crate) struct Pages {
    region: MmapRegion,
    index: Index,
    /// Bytes from one page to the next.
    stride: usize,
}

impl Pages {
    /// Maps the device's pages at `index`. If that fails, they are released.
    pub(crate) fn map(index: Index, prot: ProtFlags) -> Result<Self, Error> {
        Self::with_stride(index, prot, page_size())
    }

    /// As [`map`](Self::map), on a kernel whose pages are `stride` bytes.
    pub(crate) fn with_stride(index: Index, prot: ProtFlags, stride: usize) -> Result<Self, Error> {
        let size = (index.count() as usize).saturating_mul(stride);
        let region = MmapRegion::map(index.device(), index.first(), size, prot)?;
        Ok(Self { region, index, stride })
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> usize {
        self.index.count() as usize
    }

    pub(crate) const fn index(&self) -> &Index {
        &self.index
    }

    pub(crate) const fn region(&self) -> &MmapRegion {
        &self.region
    }

    pub(crate) const fn stride(&self) -> usize {
        self.stride
    }

    /// Page `page`, or `None` past the last, and in a child.
    ///
    /// # Safety
    ///
    /// The region is mapped with the protection of the access `A`.
    pub(crate) unsafe fn view<A>(&self, page: usize) -> Option<View<'_, A>> {
        if page >= self.count() || !self.region.device().is_own() {
            return None;
        }
        // SAFETY: the region has a stride for each page, so this page begins inside it, at a page of
        // the kernel: aligned, with all of the granted bytes. It is mapped for as long as the borrow of
        // `self`, with this access. Other users of it use views, or are other domains.
        Some(unsafe { View::new(self.region.base().add(page * self.stride)) })
    }

    /// The device's number of the byte at `offset` of page `page`.
    pub(crate) fn place(
        &self,
        operation: &'static str,
        page: usize,
        offset: usize,
    ) -> Result<u64, Error> {
        let pages = self.count();
        if page >= pages {
            return Err(Error::new(operation, Cause::Page { page, pages }));
        }
        if offset >= PAGE_SIZE {
            return Err(Error::new(operation, Cause::Range(OutOfBounds { offset, length: 1 })));
        }
        // Inside the region, whose size is a `usize`.
        Ok(self.index.first() + (page * self.stride + offset) as u64)
    }

    /// Unmaps and releases them.
    ///
    /// # Errors
    ///
    /// If they cannot be unmapped, they are returned as they were. If they are unmapped and cannot be
    /// released, nothing is returned.
    pub(crate) fn unmap(self) -> Result<(), Failed<Error, Self>> {
        let Self { region, index, stride } = self;
        match region.unmap() {
            Ok(()) => index.release().map_err(Failed::keeping),
            Err(Failed { error, returned }) => Err(Failed {
                error,
                returned: returned.map(|region| Self { region, index, stride }),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::os::unix::fs::FileExt as _;

    use super::*;
    use crate::ReadWrite;
    use crate::device::Device;
    use crate::testing::{in_child, is_mapped, memory};

    thread_local! {
        /// What was released, and whether it was still mapped then.
        static RELEASED: RefCell<Vec<(u64, u32, bool)>> = const { RefCell::new(Vec::new()) };
    }

    fn release(first: u64, count: u32, name: &str) -> Result<(), Error> {
        RELEASED.with_borrow_mut(|released| released.push((first, count, is_mapped(name))));
        Ok(())
    }

    fn released() -> Vec<(u64, u32, bool)> {
        RELEASED.take()
    }

    const PROT: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);

    #[test]
    fn they_are_unmapped_and_then_released_once() {
        let (device, _) = memory("order", 4 * page_size());
        let first = page_size() as u64;
        let index =
            || Index::new(&device, first, 2, |_, first, count| release(first, count, "order"));
        let pages = Pages::map(index(), PROT).unwrap();
        assert!(is_mapped("order"));
        assert_eq!(pages.region().size(), 2 * page_size());
        assert!(pages.unmap().is_ok());
        assert_eq!(released(), [(first, 2, false)]);
        drop(Pages::map(index(), PROT).unwrap());
        assert_eq!(released(), [(first, 2, false)]);
    }

    #[test]
    fn d5_d6_an_index_that_cannot_be_mapped_is_released() {
        let (device, _) = memory("unmappable", page_size());
        let index =
            Index::new(&device, 1, 1, |_, first, count| release(first, count, "unmappable"));
        let error = Pages::map(index, PROT).unwrap_err();
        assert_eq!(error.operation(), "mmap");
        assert_eq!(released(), [(1, 1, false)]);
    }

    #[test]
    fn a_failed_release_is_an_error() {
        let (device, _) = memory("wrong", page_size());
        let wrong = |_: &Device, _, _| Err(Error::new("release", Cause::Unsupported));
        let pages = Pages::map(Index::new(&device, 0, 1, wrong), PROT).unwrap();
        let failed = pages.unmap().unwrap_err();
        assert_eq!(failed.error, Error::new("release", Cause::Unsupported));
        assert!(failed.returned.is_none());
        assert!(!is_mapped("wrong"));
    }

    /// As on a kernel with pages of 64 KiB: each grant begins one of those.
    #[test]
    fn every_grant_begins_a_page_of_the_kernel() {
        let stride = 16 * PAGE_SIZE;
        let (device, file) = memory("large", 4 * stride);
        let first = stride as u64;
        let index = Index::new(&device, first, 3, |_, _, _| Ok(()));
        let pages = Pages::with_stride(index, PROT, stride).unwrap();
        assert_eq!((pages.region().size(), pages.stride(), pages.count()), (3 * stride, stride, 3));
        for page in 0..3 {
            // SAFETY: mapped with this access.
            let view = unsafe { pages.view::<ReadWrite>(page) }.unwrap();
            view.write(4095, &[page as u8 + 1]).unwrap();
            let mut byte = [0];
            let place = pages.place("NOTIFY", page, 4095).unwrap();
            assert_eq!(place, ((page + 1) * stride + 4095) as u64);
            file.read_exact_at(&mut byte, place).unwrap();
            assert_eq!(byte, [page as u8 + 1]);
        }
    }

    #[test]
    fn nothing_is_past_the_last_page_or_its_last_byte() {
        let (device, _) = memory("bounds", 2 * page_size());
        let index = Index::new(&device, 0, 2, |_, _, _| Ok(()));
        let pages = Pages::map(index, PROT).unwrap();
        for page in [2, usize::MAX] {
            // SAFETY: mapped with this access.
            assert!(unsafe { pages.view::<ReadWrite>(page) }.is_none());
            let error = pages.place("NOTIFY", page, 0).unwrap_err();
            assert_eq!(error, Error::new("NOTIFY", Cause::Page { page, pages: 2 }));
        }
        let error = pages.place("NOTIFY", 1, PAGE_SIZE).unwrap_err();
        let range = OutOfBounds { offset: PAGE_SIZE, length: 1 };
        assert_eq!(error.cause(), &Cause::Range(range));
    }

    #[test]
    fn a_child_has_no_views() {
        let (device, _) = memory("views", page_size());
        let index = Index::new(&device, 0, 1, |_, _, _| Ok(()));
        let pages = Pages::map(index, PROT).unwrap();
        // SAFETY: mapped with this access.
        let view = |pages: &Pages| unsafe { pages.view::<ReadWrite>(0) }.is_some();
        assert!(view(&pages));
        in_child(|| assert!(!view(&pages)));
    }
}
