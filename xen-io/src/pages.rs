//! The pages of a ring, and access to them by offset.

use xen_abi::Plain;
use xen_ops::gnttab::Granted;
use xen_ops::hypercall::Hypercall;
use xen_ops::page::{MapTarget, PAGE_SIZE, Page};
use xen_ops::view::{Field, Place};
use xen_ops::{Mapping, ReadWrite, View};

/// A page that is shared with the peer: a grant of it, a mapping of it, or a view.
pub trait SharedPage {
    /// The page's bytes. Each call returns a view of the same page.
    fn view(&self) -> View<'_, ReadWrite>;
}

impl SharedPage for View<'_, ReadWrite> {
    #[inline]
    fn view(&self) -> View<'_, ReadWrite> {
        *self
    }
}

impl<P: Page> SharedPage for Granted<'_, P, ReadWrite> {
    #[inline]
    fn view(&self) -> View<'_, ReadWrite> {
        Self::view(self)
    }
}

impl<H: Hypercall, T: MapTarget> SharedPage for Mapping<H, T, ReadWrite> {
    #[inline]
    fn view(&self) -> View<'_, ReadWrite> {
        Self::view(self)
    }
}

/// The pages of a ring in their order: one [`SharedPage`], an array or a slice of them, or under the
/// feature `alloc` a `Vec`.
///
/// The pages need not lie next to each other in memory.
pub trait Pages: sealed::Sealed {
    /// What each page is.
    type Page: SharedPage;

    /// The pages.
    fn pages(&self) -> &[Self::Page];
}

impl<S: SharedPage> Pages for S {
    type Page = S;

    #[inline]
    fn pages(&self) -> &[S] {
        core::slice::from_ref(self)
    }
}

impl<S: SharedPage, const N: usize> Pages for [S; N] {
    type Page = S;

    #[inline]
    fn pages(&self) -> &[S] {
        self
    }
}

impl<S: SharedPage> Pages for &[S] {
    type Page = S;

    #[inline]
    fn pages(&self) -> &[S] {
        self
    }
}

#[cfg(feature = "alloc")]
impl<S: SharedPage> Pages for alloc::vec::Vec<S> {
    type Page = S;

    #[inline]
    fn pages(&self) -> &[S] {
        self
    }
}

/// A ring counts its pages when it is made, so the number must not change afterwards.
pub(crate) mod sealed {
    use super::SharedPage;

    pub trait Sealed {
        /// How many pages there are, if all values of the type have as many.
        const COUNT: Option<usize> = None;
    }

    impl<S: SharedPage> Sealed for S {
        const COUNT: Option<usize> = Some(1);
    }
    impl<S: SharedPage, const N: usize> Sealed for [S; N] {
        const COUNT: Option<usize> = Some(N);
    }
    impl<S: SharedPage> Sealed for &[S] {}
    #[cfg(feature = "alloc")]
    impl<S: SharedPage> Sealed for alloc::vec::Vec<S> {}
}

/// The largest value that is copied: the entry of `vm_event` has 400 bytes.
pub(crate) const MAX_VALUE: usize = 512;

/// Bytes in all the pages, if a ring's 32-bit offsets can count them.
pub(crate) fn bytes<M: Pages>(pages: &M) -> Option<u32> {
    u32::try_from(pages.pages().len().checked_mul(PAGE_SIZE)?).ok()
}

/// The word at `field` of the first page. `None` if there is no page.
#[inline]
pub(crate) fn word<M: Pages>(pages: &M, field: Field<u32>) -> Option<Place<'_, u32, ReadWrite>> {
    pages.pages().first().map(|page| page.view().at(field))
}

/// The value at `offset`, which is inside one page and aligned. `None` otherwise.
#[inline]
fn place<T, M: Pages>(pages: &M, offset: usize) -> Option<Place<'_, T, ReadWrite>> {
    let page = pages.pages().get(offset / PAGE_SIZE)?;
    page.view().at_offset(offset % PAGE_SIZE).ok()
}

/// Copies the value at `offset` out, each byte once. It may extend into the next page.
#[inline]
pub(crate) fn read<T: Plain, M: Pages>(pages: &M, offset: usize) -> T {
    match place(pages, offset) {
        Some(place) => place.read(),
        None => read_parts(pages, offset),
    }
}

/// Copies a value to `offset`. It may extend into the next page.
#[inline]
pub(crate) fn write<T: Plain, M: Pages>(pages: &M, offset: usize, value: &T) {
    match place(pages, offset) {
        Some(place) => place.write(value),
        None => write_across(pages.pages(), offset, xen_abi::as_bytes(value)),
    }
}

/// Inlined, so that the value need not be in memory where it is inside one page.
#[inline]
fn read_parts<T: Plain, M: Pages>(pages: &M, offset: usize) -> T {
    const { assert!(size_of::<T>() <= MAX_VALUE, "a value too large to be copied in parts") };
    let mut buffer = [0; MAX_VALUE];
    let bytes = &mut buffer[..size_of::<T>()];
    read_across(pages.pages(), offset, bytes);
    // The slice has the size of the value.
    xen_abi::from_bytes(bytes).unwrap_or(xen_abi::zeroed())
}

/// Copies bytes out, from `offset` on. What lies past the pages is not read.
#[inline]
pub(crate) fn read_bytes<M: Pages>(pages: &M, offset: usize, to: &mut [u8]) {
    let at = offset % PAGE_SIZE;
    if to.len() > PAGE_SIZE - at {
        read_across(pages.pages(), offset, to);
    } else if let Some(page) = pages.pages().get(offset / PAGE_SIZE) {
        // The range ends with the page at the latest.
        let _ = page.view().read(at, to);
    }
}

/// Copies bytes in, from `offset` on. What lies past the pages is not written.
#[inline]
pub(crate) fn write_bytes<M: Pages>(pages: &M, offset: usize, from: &[u8]) {
    let at = offset % PAGE_SIZE;
    if from.len() > PAGE_SIZE - at {
        write_across(pages.pages(), offset, from);
    } else if let Some(page) = pages.pages().get(offset / PAGE_SIZE) {
        // The range ends with the page at the latest.
        let _ = page.view().write(at, from);
    }
}

/// As [`read_bytes`], page by page. It takes the pages and not what has them, a ring, whose other members the compiler
/// can keep in registers then.
#[inline(never)]
fn read_across<S: SharedPage>(pages: &[S], mut offset: usize, mut to: &mut [u8]) {
    while !to.is_empty() {
        let Some(page) = pages.get(offset / PAGE_SIZE) else { return };
        let at = offset % PAGE_SIZE;
        let (now, later) = to.split_at_mut(to.len().min(PAGE_SIZE - at));
        // The range ends with the page at the latest.
        let _ = page.view().read(at, now);
        offset += now.len();
        to = later;
    }
}

/// As [`write_bytes`], page by page: see [`read_across`].
#[inline(never)]
fn write_across<S: SharedPage>(pages: &[S], mut offset: usize, mut from: &[u8]) {
    while !from.is_empty() {
        let Some(page) = pages.get(offset / PAGE_SIZE) else { return };
        let at = offset % PAGE_SIZE;
        let (now, later) = from.split_at(from.len().min(PAGE_SIZE - at));
        // The range ends with the page at the latest.
        let _ = page.view().write(at, now);
        offset += now.len();
        from = later;
    }
}
