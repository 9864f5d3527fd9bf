//! Views of a page that another domain may change at any time.

#![allow(unsafe_code, reason = "the only module that accesses shared bytes")]

use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU8;

use xen_abi::Plain;

use crate::page_size::PAGE_SIZE;
use word::bulk::{self, read, write};

mod access;
mod error;
mod field;
mod place;
#[cfg(test)]
mod tests;
mod word;

pub use access::{Access, ReadOnly, ReadWrite};
pub use error::{AccessError, Misaligned, OutOfBounds};
pub use field::Field;
pub use place::Place;
pub use word::Word;

/// [`PAGE_SIZE`] bytes that another domain may read and write at the same time.
///
/// No method returns a reference to plain bytes. Every access is one of the processor's loads or stores,
/// so an access of the peer is never a data race, and a value that was read does not change. Copies are not atomic
/// as a whole: a copy may hold parts of two of the peer's writes.
///
/// [`at`](Self::at) gives a member of the ABI's structure by name:
///
/// ```
/// use core::sync::atomic::Ordering::{Acquire, Release};
/// use xen_ops::view::{Field, View};
/// use xen_ops::{ReadWrite, field};
/// use xen_ops::xen_abi::xen::shared_info;
///
/// const PENDING: Field<u8> = field!(shared_info, vcpu_info[0].evtchn_upcall_pending);
///
/// /// Whether an upcall was pending. It is no longer.
/// fn take_upcall(shared_info: View<'_, ReadWrite>) -> bool {
///     shared_info.at(PENDING).swap(0, Acquire) != 0
/// }
/// ```
///
/// Two accesses to the same bytes may have different sizes, of the peer and of threads of this program
/// alike. Each [`Word`] is accessed at once, as the processor does it: a load has for each of its bytes
/// what the last of the stores to it wrote, and no part of a store comes after another part of it. On
/// processors other than Xen's (x86 and Arm, 32 and 64 bits) it holds for accesses through views.
///
/// Offsets and lengths are in bytes.
pub struct View<'a, A> {
    base: NonNull<u8>,
    page: PhantomData<&'a AtomicU8>,
    access: PhantomData<A>,
}

impl<'a, A> View<'a, A> {
    /// A view of the page at `base`.
    ///
    /// # Safety
    ///
    /// For `'a`, `base` is aligned to [`PAGE_SIZE`], [`PAGE_SIZE`] bytes there can be read (and
    /// written, if the access is [`ReadWrite`]), and everything else in this program that uses them
    /// meanwhile does so through views.
    #[must_use]
    pub const unsafe fn new(base: NonNull<u8>) -> Self {
        Self { base, page: PhantomData, access: PhantomData }
    }

    /// Copies bytes from `offset` on into `to`.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`] if the range ends past the page; then nothing is read.
    #[inline]
    pub fn read(&self, offset: usize, to: &mut [u8]) -> Result<(), OutOfBounds> {
        let at = self.range(offset, to.len())?;
        // SAFETY: `range` checked all of it.
        unsafe { read(at, to) };
        Ok(())
    }

    /// The value at `offset`, read once, at any alignment.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`] if the value ends past the page.
    pub fn read_obj<T: Plain>(&self, offset: usize) -> Result<T, OutOfBounds> {
        let at = self.range(offset, size_of::<T>())?;
        // SAFETY: `range` checked all of it.
        Ok(unsafe { read_obj(at) })
    }

    /// The member of a structure that starts with the page, or any other [`Field`].
    #[inline]
    #[must_use]
    pub const fn at<T>(&self, field: Field<T>) -> Place<'a, T, A> {
        // SAFETY: a field lies inside a page and is aligned.
        unsafe { Place::new(self.base.add(field.offset())) }
    }

    /// The value of type `T` at an offset that is known only at run time.
    ///
    /// # Errors
    ///
    /// [`AccessError`] if it is not inside the page, or not aligned for `T`.
    #[inline]
    pub const fn at_offset<T>(&self, offset: usize) -> Result<Place<'a, T, A>, AccessError> {
        match Field::at_offset(offset) {
            Ok(field) => Ok(self.at(field)),
            Err(error) => Err(error),
        }
    }

    #[inline]
    fn range(&self, offset: usize, length: usize) -> Result<NonNull<u8>, OutOfBounds> {
        match offset.checked_add(length) {
            // SAFETY: inside the page, or one past its end.
            Some(end) if end <= PAGE_SIZE => Ok(unsafe { self.base.add(offset) }),
            _ => Err(OutOfBounds { offset, length }),
        }
    }
}

impl View<'_, ReadWrite> {
    /// Copies all of `from` to `offset` and on.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`] if the range ends past the page; then nothing is written.
    #[inline]
    pub fn write(&self, offset: usize, from: &[u8]) -> Result<(), OutOfBounds> {
        let at = self.range(offset, from.len())?;
        // SAFETY: `range` checked all of it.
        unsafe { write(at, from) };
        Ok(())
    }

    /// Writes the value to `offset`, at any alignment.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`] if the value ends past the page; then nothing is written.
    pub fn write_obj<T: Plain>(&self, offset: usize, value: &T) -> Result<(), OutOfBounds> {
        self.write(offset, xen_abi::as_bytes(value))
    }

    /// Sets every byte of the page to zero.
    pub fn clear(&self) {
        // SAFETY: the whole page, which begins aligned.
        unsafe { bulk::clear(self.base, PAGE_SIZE) };
    }
}

/// Copies a value out of a page.
///
/// # Safety
///
/// As for [`read`], of the value's size.
unsafe fn read_obj<T: Plain>(at: NonNull<u8>) -> T {
    let mut value = xen_abi::zeroed::<T>();
    // SAFETY: a plain value is bytes, and any bytes are one; the rest is the caller's promise.
    unsafe {
        let bytes = core::slice::from_raw_parts_mut(
            core::ptr::from_mut(&mut value).cast::<u8>(),
            size_of::<T>(),
        );
        read(at, bytes);
    }
    value
}

impl<A> Clone for View<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for View<'_, A> {}

impl<A> fmt::Debug for View<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("View").field(&self.base).finish()
    }
}

// SAFETY: every access is one of a `Word`, which any thread may make.
unsafe impl<A> Send for View<'_, A> {}
// SAFETY: every access is one of a `Word`, which any thread may make.
unsafe impl<A> Sync for View<'_, A> {}
