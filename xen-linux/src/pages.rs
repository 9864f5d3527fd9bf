//! Pages of 4096 bytes in an area of the kernel's pages, which may be larger.

#![allow(unsafe_code, reason = "views of what is mapped")]

use std::ptr::NonNull;

use rustix::mm::ProtFlags;
use rustix::param::page_size;
use xen_ops::page::PAGE_SIZE;
use xen_ops::view::{OutOfPage, View};

use crate::area::Area;
use crate::index::Index;
use crate::{Cause, Error};

/// Pages that are shared with other domains, mapped. When the value goes they are unmapped first, and
/// then given back to the device.
///
/// A grant is [`PAGE_SIZE`] bytes on every kernel. One whose own pages are larger puts each grant at
/// the start of a page of its own; what is behind it there is not shared, or is not there at all.
#[derive(Debug)]
pub(crate) struct Pages {
    area: Area,
    index: Index,
    /// Bytes from one page to the next.
    stride: usize,
}

impl Pages {
    /// Maps what the device keeps under `index`. Where that fails, it is given back.
    pub(crate) fn map(index: Index, rights: ProtFlags) -> Result<Self, Error> {
        Self::with_stride(index, rights, page_size())
    }

    fn with_stride(index: Index, rights: ProtFlags, stride: usize) -> Result<Self, Error> {
        let length = (index.count() as usize).saturating_mul(stride);
        let area = Area::map(index.device(), index.first(), length, rights)?;
        Ok(Self { area, index, stride })
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> usize {
        self.index.count() as usize
    }

    pub(crate) const fn index(&self) -> &Index {
        &self.index
    }

    pub(crate) const fn area(&self) -> &Area {
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
            return Err(Error::new(operation, Cause::Range(OutOfPage { offset, length: 1 })));
        }
        // Inside the area, which has a length.
        Ok(self.index.first() + (page * self.stride + offset) as u64)
    }

    /// All pages in one piece: where it begins, and its length in bytes.
    #[cfg_attr(not(feature = "vm-memory"), allow(dead_code, reason = "what vm-memory asks for"))]
    pub(crate) fn in_one_piece(
        &self,
        operation: &'static str,
    ) -> Result<(NonNull<u8>, usize), Error> {
        if !self.area.device().is_own() {
            return Err(Error::new(operation, Cause::Forked));
        }
        if self.count() > 1 && self.stride != PAGE_SIZE {
            return Err(Error::new(operation, Cause::KernelPages { size: self.stride }));
        }
        Ok((self.area.base(), self.count() * PAGE_SIZE))
    }

    /// Unmaps them and gives them back, and says what went wrong first. Both are tried.
    pub(crate) fn unmap(self) -> Result<(), Error> {
        let Self { area, index, .. } = self;
        let unmapped = area.unmap();
        let released = index.release();
        unmapped.and(released)
    }
}
