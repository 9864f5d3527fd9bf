//! Pages of 4096 bytes in an area of the kernel's pages, which may be larger.

#![allow(unsafe_code, reason = "views of what is mapped")]

use rustix::mm::ProtFlags;
use rustix::param::page_size;
use xen_ops::page::PAGE_SIZE;
use xen_ops::view::{OutOfBounds, View};

use crate::index::Index;
use crate::mmap_region::MmapRegion;
use crate::{Cause, Error};

/// Pages that are shared with other domains, mapped. When the value goes they are unmapped first, and
/// then given back to the device.
///
/// A grant is [`PAGE_SIZE`] bytes on every kernel. One whose own pages are larger puts each grant at
/// the start of a page of its own; what is behind it there is not shared, or is not there at all.
#[derive(Debug)]
pub(crate) struct Pages {
    area: MmapRegion,
    index: Index,
    /// Bytes from one page to the next.
    stride: usize,
}

impl Pages {
    /// Maps what the device keeps under `index`. Where that fails, it is given back.
    pub(crate) fn map(index: Index, rights: ProtFlags) -> Result<Self, Error> {
        Self::with_stride(index, rights, page_size())
    }

    /// As [`map`](Self::map), where the kernel's pages are `stride` bytes.
    pub(crate) fn with_stride(
        index: Index,
        rights: ProtFlags,
        stride: usize,
    ) -> Result<Self, Error> {
        let length = (index.count() as usize).saturating_mul(stride);
        let area = MmapRegion::map(index.device(), index.first(), length, rights)?;
        Ok(Self { area, index, stride })
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> usize {
        self.index.count() as usize
    }

    pub(crate) const fn index(&self) -> &Index {
        &self.index
    }

    pub(crate) const fn area(&self) -> &MmapRegion {
        &self.area
    }

    pub(crate) const fn stride(&self) -> usize {
        self.stride
    }

    /// Page `page`, or `None` where there is none: beyond the last, or in a child.
    ///
    /// # Safety
    ///
    /// The area is mapped with the rights that `Access` stands for.
    pub(crate) unsafe fn view<Access>(&self, page: usize) -> Option<View<'_, Access>> {
        if page >= self.count() || !self.area.device().is_own() {
            return None;
        }
        // SAFETY: the area has a stride for each page, so that this begins inside it, at a page of the
        // kernel's: aligned, with all of the granted bytes. It is mapped for as long as the borrow of
        // `self`, with these rights; whoever else looks at it does so through a view, or is another
        // domain.
        Some(unsafe { View::new(self.area.base().add(page * self.stride)) })
    }

    /// What the device calls the byte at `offset` of page `page`.
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
        // Inside the area, which has a length.
        Ok(self.index.first() + (page * self.stride + offset) as u64)
    }

    /// Unmaps them and gives them back, and says what went wrong first. Both are tried.
    pub(crate) fn unmap(self) -> Result<(), Error> {
        let Self { area, index, .. } = self;
        let unmapped = area.unmap();
        let released = index.release();
        unmapped.and(released)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::os::unix::fs::FileExt as _;

    use xen_ops::view::ReadWrite;

    use super::*;
    use crate::device::Device;
    use crate::testing::{in_child, is_mapped, memory};

    thread_local! {
        /// What was given back, and whether it was still mapped then.
        static RELEASED: RefCell<Vec<(u64, u32, bool)>> = const { RefCell::new(Vec::new()) };
    }

    fn release(first: u64, count: u32, name: &str) -> Result<(), Error> {
        RELEASED.with_borrow_mut(|released| released.push((first, count, is_mapped(name))));
        Ok(())
    }

    fn released() -> Vec<(u64, u32, bool)> {
        RELEASED.take()
    }

    const RIGHTS: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);

    #[test]
    fn they_are_unmapped_and_then_given_back_once() {
        let (device, _) = memory("order", 4 * page_size());
        let first = page_size() as u64;
        let index =
            || Index::new(&device, first, 2, |_, first, count| release(first, count, "order"));
        let pages = Pages::map(index(), RIGHTS).unwrap();
        assert!(is_mapped("order"));
        assert_eq!(pages.area().length(), 2 * page_size());
        assert_eq!(pages.unmap(), Ok(()));
        assert_eq!(released(), [(first, 2, false)]);
        drop(Pages::map(index(), RIGHTS).unwrap());
        assert_eq!(released(), [(first, 2, false)]);
    }

    #[test]
    fn d5_d6_an_index_that_cannot_be_mapped_is_given_back() {
        let (device, _) = memory("unmappable", page_size());
        let index =
            Index::new(&device, 1, 1, |_, first, count| release(first, count, "unmappable"));
        let error = Pages::map(index, RIGHTS).unwrap_err();
        assert_eq!(error.operation(), "mmap");
        assert_eq!(released(), [(1, 1, false)]);
    }

    #[test]
    fn what_went_wrong_first_is_said() {
        let (device, _) = memory("wrong", page_size());
        let wrong = |_: &Device, _, _| Err(Error::new("release", Cause::Unsupported));
        let pages = Pages::map(Index::new(&device, 0, 1, wrong), RIGHTS).unwrap();
        assert_eq!(pages.unmap(), Err(Error::new("release", Cause::Unsupported)));
        assert!(!is_mapped("wrong"));
    }

    /// As on a kernel with pages of 64 KiB: each grant begins one of those.
    #[test]
    fn every_grant_begins_a_page_of_the_kernels() {
        let stride = 16 * PAGE_SIZE;
        let (device, file) = memory("large", 4 * stride);
        let first = stride as u64;
        let index = Index::new(&device, first, 3, |_, _, _| Ok(()));
        let pages = Pages::with_stride(index, RIGHTS, stride).unwrap();
        assert_eq!((pages.area().length(), pages.stride(), pages.count()), (3 * stride, stride, 3));
        for page in 0..3 {
            // SAFETY: mapped with these rights.
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
    fn there_is_nothing_beyond_the_last_page_or_its_last_byte() {
        let (device, _) = memory("bounds", 2 * page_size());
        let index = Index::new(&device, 0, 2, |_, _, _| Ok(()));
        let pages = Pages::map(index, RIGHTS).unwrap();
        for page in [2, usize::MAX] {
            // SAFETY: mapped with these rights.
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
        let pages = Pages::map(index, RIGHTS).unwrap();
        // SAFETY: mapped with these rights.
        let view = |pages: &Pages| unsafe { pages.view::<ReadWrite>(0) }.is_some();
        assert!(view(&pages));
        in_child(|| assert!(!view(&pages)));
    }
}
