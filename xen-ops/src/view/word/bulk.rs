//! Copies of any length, in the widest pieces that fit.
//!
//! Four units a turn make a loop about twice as fast as one does. x86 has instructions that copy and fill, which are
//! faster still from some length on.

use core::ptr::NonNull;

#[cfg(all(target_arch = "aarch64", not(miri)))]
pub(super) use super::aarch64::{load_block, store_block};
use super::sealed::Sealed as _;
#[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), not(miri)))]
use super::x86;
#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(super) use super::x86::{load_block, store_block};
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
pub(super) use super::x86::{load_unit, store_unit};
use super::{Block, Unit, Widest};

const WORD: usize = size_of::<Widest>();

/// What is left of a copy: from or to a page at `at`, to or from a buffer that need not be aligned.
struct Rest<B> {
    at: NonNull<u8>,
    buffer: B,
    bytes: usize,
}

/// Bytes up to where a word is aligned in the page.
#[inline]
fn unaligned(at: NonNull<u8>, bytes: usize) -> usize {
    at.align_offset(WORD).min(bytes)
}

impl Rest<*mut u8> {
    /// Loads as many pieces as fit into the bytes that are left.
    ///
    /// # Safety
    ///
    /// As for [`read`]. The page is as aligned as `load` needs.
    #[inline]
    unsafe fn load<P>(&mut self, load: unsafe fn(NonNull<u8>) -> P) {
        while self.bytes >= size_of::<P>() {
            // SAFETY: so many bytes are left on both sides.
            unsafe {
                self.buffer.cast::<P>().write_unaligned(load(self.at));
                self.at = self.at.add(size_of::<P>());
                self.buffer = self.buffer.add(size_of::<P>());
            }
            self.bytes -= size_of::<P>();
        }
    }
}

impl Rest<*const u8> {
    /// Stores as many pieces as fit into the bytes that are left.
    ///
    /// # Safety
    ///
    /// As for [`write`]. The page is as aligned as `store` needs.
    #[inline]
    unsafe fn store<P>(&mut self, store: unsafe fn(NonNull<u8>, P)) {
        while self.bytes >= size_of::<P>() {
            // SAFETY: so many bytes are left on both sides.
            unsafe {
                store(self.at, self.buffer.cast::<P>().read_unaligned());
                self.at = self.at.add(size_of::<P>());
                self.buffer = self.buffer.add(size_of::<P>());
            }
            self.bytes -= size_of::<P>();
        }
    }
}

/// Copies bytes out of a page, each once.
///
/// # Safety
///
/// `to.len()` bytes at `at` are inside a page that is valid for loads, as for
/// [`Sealed::load`](super::sealed::Sealed::load).
pub(in crate::view) unsafe fn read(at: NonNull<u8>, to: &mut [u8]) {
    let bytes = to.len();
    let head = unaligned(at, bytes);
    let mut rest = Rest { at, buffer: to.as_mut_ptr(), bytes: head };
    // SAFETY: the caller's promise; after the head, every piece is aligned as a word, which is enough for all.
    unsafe {
        rest.load::<u8>(u8::load);
        rest.bytes = bytes - head;
        #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), not(miri)))]
        if rest.bytes >= x86::STRING_MIN {
            let words = rest.bytes / WORD;
            // The buffer is borrowed: it is not in the page.
            x86::copy(rest.at.as_ptr(), rest.buffer, words);
            rest.at = rest.at.add(words * WORD);
            rest.buffer = rest.buffer.add(words * WORD);
            rest.bytes %= WORD;
        }
        rest.load::<Block>(load_block);
        rest.load::<Unit>(load_unit);
        rest.load::<Widest>(Widest::load);
        rest.load::<u8>(u8::load);
    }
}

/// Copies bytes into a page, as [`read`] does out of it.
///
/// # Safety
///
/// As for [`read`], and the page is valid for stores.
pub(in crate::view) unsafe fn write(at: NonNull<u8>, from: &[u8]) {
    let bytes = from.len();
    let head = unaligned(at, bytes);
    let mut rest = Rest { at, buffer: from.as_ptr(), bytes: head };
    // SAFETY: as in `read`.
    unsafe {
        rest.store::<u8>(u8::store);
        rest.bytes = bytes - head;
        #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), not(miri)))]
        if rest.bytes >= x86::STRING_MIN {
            let words = rest.bytes / WORD;
            // The buffer is borrowed: it is not in the page.
            x86::copy(rest.buffer, rest.at.as_ptr(), words);
            rest.at = rest.at.add(words * WORD);
            rest.buffer = rest.buffer.add(words * WORD);
            rest.bytes %= WORD;
        }
        rest.store::<Block>(store_block);
        rest.store::<Unit>(store_unit);
        rest.store::<Widest>(Widest::store);
        rest.store::<u8>(u8::store);
    }
}

/// Sets bytes of a page to zero.
///
/// # Safety
///
/// `length` bytes at `at` are whole blocks inside a page, as for
/// [`Sealed::store`](super::sealed::Sealed::store).
pub(in crate::view) unsafe fn clear(at: NonNull<u8>, length: usize) {
    #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), not(miri)))]
    // SAFETY: the caller's promise.
    unsafe {
        x86::clear(at.as_ptr(), length / WORD);
    }
    #[cfg(not(all(any(target_arch = "x86", target_arch = "x86_64"), not(miri))))]
    for offset in (0..length).step_by(size_of::<Block>()) {
        // SAFETY: the caller's promise.
        unsafe { store_block(at.add(offset), [0; 4]) };
    }
}

/// Loads a block.
///
/// # Safety
///
/// As for [`Sealed::load`](super::sealed::Sealed::load), of each.
#[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
#[inline]
pub(super) unsafe fn load_block(at: NonNull<u8>) -> Block {
    // SAFETY: the caller's promise.
    unsafe {
        [
            Widest::load(at),
            Widest::load(at.add(WORD)),
            Widest::load(at.add(2 * WORD)),
            Widest::load(at.add(3 * WORD)),
        ]
    }
}

/// Stores a block.
///
/// # Safety
///
/// As for [`Sealed::store`](super::sealed::Sealed::store), of each.
#[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
#[inline]
pub(super) unsafe fn store_block(at: NonNull<u8>, [first, second, third, fourth]: Block) {
    // SAFETY: the caller's promise.
    unsafe {
        Widest::store(at, first);
        Widest::store(at.add(WORD), second);
        Widest::store(at.add(2 * WORD), third);
        Widest::store(at.add(3 * WORD), fourth);
    }
}

/// Loads a unit.
///
/// # Safety
///
/// As for [`Sealed::load`](super::sealed::Sealed::load).
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
#[inline]
pub(super) unsafe fn load_unit(at: NonNull<u8>) -> Unit {
    // SAFETY: the caller's promise.
    unsafe { Unit::load(at) }
}

/// Stores a unit.
///
/// # Safety
///
/// As for [`Sealed::store`](super::sealed::Sealed::store).
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
#[inline]
pub(super) unsafe fn store_unit(at: NonNull<u8>, unit: Unit) {
    // SAFETY: the caller's promise.
    unsafe { Unit::store(at, unit) }
}
