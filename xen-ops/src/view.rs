//! Views of a page that another domain may change at any time.

#![allow(unsafe_code, reason = "the one place where shared bytes are touched")]

use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;
#[cfg(target_pointer_width = "64")]
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicUsize, Ordering, fence};

use xen_abi::Plain;

use crate::page::PAGE_SIZE;

/// A view through which a page can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadOnly;

/// A view through which a page can be read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadWrite;

/// [`PAGE_SIZE`] bytes that another domain may read and write meanwhile.
///
/// Nothing here gives out a reference to plain bytes: every access is an atomic load or store, so
/// that what the peer does is never a data race, and a value once read does not change. Copies are
/// not atomic as a whole: the peer may be seen half way through a write.
///
/// Where both sides are parts of one Rust program, accesses to the same bytes at the same time must be
/// of the same size: for others Rust has no meaning. That is so on a model, where two threads have views
/// of one page, and where a program has the same page twice. So a word that both use while the other one
/// does is loaded and stored, and what is copied is handed over by such a word.
///
/// Offsets and lengths are in bytes.
pub struct View<'a, Access> {
    base: NonNull<u8>,
    page: PhantomData<&'a AtomicU8>,
    access: PhantomData<Access>,
}

/// A range that is not inside the page, or not aligned for the value that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfPage {
    /// First byte of the range.
    pub offset: usize,
    /// Bytes in the range.
    pub length: usize,
}

/// The name that is to stay.
pub type OutOfBounds = OutOfPage;

impl fmt::Display for OutOfPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, length } = self;
        write!(
            f,
            "{length} bytes at offset {offset}: outside the {PAGE_SIZE} bytes of a page, or not aligned"
        )
    }
}

impl core::error::Error for OutOfPage {}

/// An integer that is read and written in one access: `u8`, `u16`, `u32`, and on 64-bit processors
/// `u64`. 32-bit x86 reads 64 bits at once only by writing them, which not every page allows.
pub trait Word: sealed::Sealed + Copy {}

mod sealed {
    use super::NonNull;

    pub trait Sealed {
        /// # Safety
        ///
        /// `at` is aligned and inside memory that is valid for atomic loads.
        unsafe fn load(at: NonNull<u8>) -> Self;

        /// # Safety
        ///
        /// `at` is aligned and inside memory that is valid for atomic stores.
        unsafe fn store(self, at: NonNull<u8>);
    }
}

macro_rules! words {
    ($($word:ty, $atomic:ty;)*) => {$(
        impl sealed::Sealed for $word {
            #[inline]
            unsafe fn load(at: NonNull<u8>) -> Self {
                // SAFETY: the caller's promise.
                unsafe { at.cast::<$atomic>().as_ref() }.load(Relaxed)
            }

            #[inline]
            unsafe fn store(self, at: NonNull<u8>) {
                // SAFETY: the caller's promise.
                unsafe { at.cast::<$atomic>().as_ref() }.store(self, Relaxed);
            }
        }

        impl Word for $word {}
    )*};
}

words! {
    u8, AtomicU8;
    u16, AtomicU16;
    u32, AtomicU32;
}

#[cfg(target_pointer_width = "64")]
words! {
    u64, AtomicU64;
}

/// What an ordering means beside a relaxed access.
#[inline]
fn fence_unless_relaxed(order: Ordering) {
    if order != Relaxed {
        fence(order);
    }
}

const WORD: usize = size_of::<usize>();

impl<'a, Access> View<'a, Access> {
    /// A view of the page at `base`.
    ///
    /// # Safety
    ///
    /// For `'a`, `base` is aligned to [`PAGE_SIZE`], [`PAGE_SIZE`] bytes there can be read (and
    /// written, if the access is [`ReadWrite`]), and whoever else uses them does so atomically.
    #[must_use]
    pub const unsafe fn new(base: NonNull<u8>) -> Self {
        Self { base, page: PhantomData, access: PhantomData }
    }

    /// Copies bytes from `offset` on into `to`.
    ///
    /// # Errors
    ///
    /// [`OutOfPage`] if the range ends behind the page; then nothing is read.
    pub fn read(&self, offset: usize, to: &mut [u8]) -> Result<(), OutOfPage> {
        let at = self.range(offset, to.len())?;
        let (head, words) = to.split_at_mut(head(at, to.len()));
        let (words, tail) = words.split_at_mut(words.len() / WORD * WORD);
        let mut next = at;
        // SAFETY: `range` holds all of it; words begin where the address is aligned.
        unsafe {
            for byte in head {
                *byte = next.cast::<AtomicU8>().as_ref().load(Relaxed);
                next = next.add(1);
            }
            for word in words.chunks_exact_mut(WORD) {
                word.copy_from_slice(
                    &next.cast::<AtomicUsize>().as_ref().load(Relaxed).to_ne_bytes(),
                );
                next = next.add(WORD);
            }
            for byte in tail {
                *byte = next.cast::<AtomicU8>().as_ref().load(Relaxed);
                next = next.add(1);
            }
        }
        Ok(())
    }

    /// The value at `offset`, read once, at any alignment.
    ///
    /// # Errors
    ///
    /// [`OutOfPage`] if the value ends behind the page.
    pub fn read_obj<T: Plain>(&self, offset: usize) -> Result<T, OutOfPage> {
        let mut value = xen_abi::zeroed::<T>();
        // SAFETY: a plain value is bytes, and any bytes are one.
        let bytes = unsafe {
            core::slice::from_raw_parts_mut(
                core::ptr::from_mut(&mut value).cast::<u8>(),
                size_of::<T>(),
            )
        };
        self.read(offset, bytes)?;
        Ok(value)
    }

    /// The integer at `offset`, read in one access; `order` is as that of a load, and what only a store
    /// has counts for nothing.
    ///
    /// # Errors
    ///
    /// [`OutOfPage`] if it is not inside the page, or not aligned.
    pub fn load<W: Word>(&self, offset: usize, order: Ordering) -> Result<W, OutOfPage> {
        let at = self.word::<W>(offset)?;
        // Relaxed, which is all that a mapping without the right to write is good for; what `order`
        // adds is a fence.
        // SAFETY: `word` found it inside and aligned.
        let value = unsafe { W::load(at) };
        fence_unless_relaxed(order);
        Ok(value)
    }

    fn range(&self, offset: usize, length: usize) -> Result<NonNull<u8>, OutOfPage> {
        match offset.checked_add(length) {
            // SAFETY: inside the page, or one past its end.
            Some(end) if end <= PAGE_SIZE => Ok(unsafe { self.base.add(offset) }),
            _ => Err(OutOfPage { offset, length }),
        }
    }

    fn word<W: Word>(&self, offset: usize) -> Result<NonNull<u8>, OutOfPage> {
        let at = self.range(offset, size_of::<W>())?;
        if offset % size_of::<W>() == 0 {
            Ok(at)
        } else {
            Err(OutOfPage { offset, length: size_of::<W>() })
        }
    }
}

impl View<'_, ReadWrite> {
    /// Copies all of `from` to `offset` and on.
    ///
    /// # Errors
    ///
    /// [`OutOfPage`] if the range ends behind the page; then nothing is written.
    pub fn write(&self, offset: usize, from: &[u8]) -> Result<(), OutOfPage> {
        let at = self.range(offset, from.len())?;
        let (head, words) = from.split_at(head(at, from.len()));
        let words = words.chunks_exact(WORD);
        let mut next = at;
        // SAFETY: `range` holds all of it; words begin where the address is aligned.
        unsafe {
            for byte in head {
                next.cast::<AtomicU8>().as_ref().store(*byte, Relaxed);
                next = next.add(1);
            }
            let tail = words.remainder();
            for word in words {
                let mut bytes = [0; WORD];
                bytes.copy_from_slice(word);
                next.cast::<AtomicUsize>().as_ref().store(usize::from_ne_bytes(bytes), Relaxed);
                next = next.add(WORD);
            }
            for byte in tail {
                next.cast::<AtomicU8>().as_ref().store(*byte, Relaxed);
                next = next.add(1);
            }
        }
        Ok(())
    }

    /// Writes the value to `offset`, at any alignment.
    ///
    /// # Errors
    ///
    /// [`OutOfPage`] if the value ends behind the page; then nothing is written.
    pub fn write_obj<T: Plain>(&self, offset: usize, value: &T) -> Result<(), OutOfPage> {
        self.write(offset, xen_abi::as_bytes(value))
    }

    /// Writes the integer to `offset` in one access; `order` is as that of a store, and what only a load
    /// has counts for nothing.
    ///
    /// # Errors
    ///
    /// [`OutOfPage`] if it is not inside the page, or not aligned.
    pub fn store<W: Word>(
        &self,
        offset: usize,
        value: W,
        order: Ordering,
    ) -> Result<(), OutOfPage> {
        let at = self.word::<W>(offset)?;
        fence_unless_relaxed(order);
        // SAFETY: `word` found it inside and aligned.
        unsafe { value.store(at) };
        if order == Ordering::SeqCst {
            fence(order);
        }
        Ok(())
    }

    /// Sets every byte of the page to zero.
    pub fn clear(&self) {
        for at in (0..PAGE_SIZE).step_by(WORD) {
            // SAFETY: inside the page, which begins aligned.
            unsafe { self.base.add(at).cast::<AtomicUsize>().as_ref() }.store(0, Relaxed);
        }
    }
}

/// Bytes up to where a word is aligned.
fn head(at: NonNull<u8>, length: usize) -> usize {
    at.align_offset(WORD).min(length)
}

impl<Access> Clone for View<'_, Access> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Access> Copy for View<'_, Access> {}

impl<Access> fmt::Debug for View<'_, Access> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("View").field(&self.base).finish()
    }
}

// SAFETY: every access is atomic.
unsafe impl<Access> Send for View<'_, Access> {}
// SAFETY: every access is atomic.
unsafe impl<Access> Sync for View<'_, Access> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C, align(4096))]
    struct Frame([u8; PAGE_SIZE]);

    fn view(frame: &mut Frame) -> View<'_, ReadWrite> {
        // SAFETY: the frame is borrowed for as long as the view.
        unsafe { View::new(NonNull::from(&mut frame.0).cast()) }
    }

    #[test]
    fn what_is_written_at_any_offset_is_read_back() {
        let mut frame = Frame([0; PAGE_SIZE]);
        let view = view(&mut frame);
        for offset in [0, 1, 7, 8, 13, 4000] {
            for length in [0, 1, 2, 8, 9, 17, 64] {
                let from: alloc::vec::Vec<u8> = (0..length).map(|at| at + 1).collect();
                view.clear();
                view.write(offset, &from).unwrap();
                let mut to = alloc::vec![0; from.len() + 2];
                view.read(offset.saturating_sub(1), &mut to).unwrap();
                let before = usize::from(offset > 0);
                assert_eq!(to[before..before + from.len()], from, "{offset} {length}");
                assert_eq!(to[before + from.len()], 0, "{offset} {length}");
            }
        }
    }

    #[test]
    fn a_range_that_leaves_the_page_is_refused() {
        let mut frame = Frame([0; PAGE_SIZE]);
        let view = view(&mut frame);
        assert_eq!(view.write(4095, &[1, 2]), Err(OutOfPage { offset: 4095, length: 2 }));
        assert_eq!(
            view.read(usize::MAX, &mut [0]),
            Err(OutOfPage { offset: usize::MAX, length: 1 })
        );
        assert!(view.load::<u32>(4094, Relaxed).is_err());
        assert!(view.load::<u32>(2, Relaxed).is_err(), "not aligned");
        assert_eq!(view.read(4096, &mut []), Ok(()));
        assert_eq!(view.load::<u8>(4095, Relaxed), Ok(0));
    }

    /// What was checked is what is used: the peer changes the page, not what was read.
    #[test]
    fn xsa_155_what_was_read_once_does_not_change() {
        use xen_abi::grant_table::gnttab_set_version;

        let mut frame = Frame([0; PAGE_SIZE]);
        let view = view(&mut frame);
        view.write_obj(0, &gnttab_set_version { version: 1 }).unwrap();
        let checked: gnttab_set_version = view.read_obj(0).unwrap();
        view.write_obj(0, &gnttab_set_version { version: u32::MAX }).unwrap();
        assert_eq!(checked.version, 1);
    }

    #[test]
    fn values_are_plain_bytes() {
        use xen_abi::grant_table::gnttab_set_version;

        let mut frame = Frame([0; PAGE_SIZE]);
        let view = view(&mut frame);
        view.write_obj(5, &gnttab_set_version { version: 0x0102_0304 }).unwrap();
        assert_eq!(view.read_obj::<gnttab_set_version>(5).unwrap().version, 0x0102_0304);
        for order in [Relaxed, Ordering::Release, Ordering::Acquire, Ordering::SeqCst] {
            view.store(8, 7_u32, order).unwrap();
            assert_eq!(view.load::<u32>(8, order), Ok(7));
        }
    }
}
