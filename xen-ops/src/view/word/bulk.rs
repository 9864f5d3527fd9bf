//! Long copies, in blocks of words.
//!
//! Four words a turn make a loop about twice as fast as one word does. x86 has instructions that copy and fill,
//! which are faster still from some length on.

use core::ptr::NonNull;

use super::Widest;
#[cfg(all(target_arch = "aarch64", not(miri)))]
use super::aarch64::{load_block, store_block};
#[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
use super::sealed::Sealed as _;
#[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), not(miri)))]
use super::x86;
#[cfg(all(target_arch = "x86_64", not(miri)))]
use super::x86::{load_block, store_block};
use crate::view;

const WORD: usize = size_of::<Widest>();

/// The size of a [`Block`](super::Block) in bytes.
const BLOCK: usize = 4 * WORD;

/// The bytes from which on a copy is worth the steps of [`read`] and [`write`].
pub(in crate::view) const MIN: usize = 64;

/// Copies bytes out of a page, most of them in blocks. A function of its own, so that short copies are
/// short code.
///
/// # Safety
///
/// As for [`view::read`].
#[inline(never)]
pub(in crate::view) unsafe fn read(at: NonNull<u8>, to: &mut [u8]) {
    let (head, rest) = to.split_at_mut(view::head(at, to.len()));
    let (blocks, tail) = rest.split_at_mut(rest.len() / BLOCK * BLOCK);
    // SAFETY: the caller's promise; blocks begin where the address is aligned.
    unsafe {
        let middle = at.add(head.len());
        if !head.is_empty() {
            view::read(at, head);
        }
        read_blocks(middle, blocks);
        if !tail.is_empty() {
            view::read(middle.add(blocks.len()), tail);
        }
    }
}

/// Copies bytes into a page, as [`read`] does out of it.
///
/// # Safety
///
/// As for [`view::write`].
#[inline(never)]
pub(in crate::view) unsafe fn write(at: NonNull<u8>, from: &[u8]) {
    let (head, rest) = from.split_at(view::head(at, from.len()));
    let (blocks, tail) = rest.split_at(rest.len() / BLOCK * BLOCK);
    // SAFETY: the caller's promise; blocks begin where the address is aligned.
    unsafe {
        let middle = at.add(head.len());
        if !head.is_empty() {
            view::write(at, head);
        }
        write_blocks(middle, blocks);
        if !tail.is_empty() {
            view::write(middle.add(blocks.len()), tail);
        }
    }
}

/// Copies blocks out of a page.
///
/// # Safety
///
/// `to.len()` bytes at `at` are whole blocks inside a page, as for
/// [`Sealed::load`](super::sealed::Sealed::load).
#[inline]
unsafe fn read_blocks(at: NonNull<u8>, to: &mut [u8]) {
    #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), not(miri)))]
    if to.len() >= x86::STRING_MIN {
        // SAFETY: `to` is as long as what the caller promises, and borrowed: it is not in the page.
        return unsafe { x86::copy(at.as_ptr(), to.as_mut_ptr(), to.len() / WORD) };
    }
    let mut next = at;
    for block in to.chunks_exact_mut(BLOCK) {
        // SAFETY: there are as many blocks in the page as in `to`.
        let words = unsafe { load_block(next) };
        for (bytes, word) in block.chunks_exact_mut(WORD).zip(words) {
            bytes.copy_from_slice(&word.to_ne_bytes());
        }
        // SAFETY: inside the page, or one past its end.
        next = unsafe { next.add(BLOCK) };
    }
}

/// Copies blocks into a page, as [`read_blocks`] does out of it.
///
/// # Safety
///
/// `from.len()` bytes at `at` are whole blocks inside a page, as for
/// [`Sealed::store`](super::sealed::Sealed::store).
#[inline]
unsafe fn write_blocks(at: NonNull<u8>, from: &[u8]) {
    #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), not(miri)))]
    if from.len() >= x86::STRING_MIN {
        // SAFETY: `from` is as long as what the caller promises, and borrowed: it is not in the page.
        return unsafe { x86::copy(from.as_ptr(), at.as_ptr(), from.len() / WORD) };
    }
    let mut next = at;
    for block in from.chunks_exact(BLOCK) {
        let mut words = [0; 4];
        for (value, bytes) in words.iter_mut().zip(block.chunks_exact(WORD)) {
            *value = word(bytes);
        }
        // SAFETY: there are as many blocks in the page as in `from`.
        unsafe { store_block(next, words) };
        // SAFETY: inside the page, or one past its end.
        next = unsafe { next.add(BLOCK) };
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
    for offset in (0..length).step_by(BLOCK) {
        // SAFETY: the caller's promise.
        unsafe { store_block(at.add(offset), [0; 4]) };
    }
}

/// A word's bytes as a word.
#[inline]
fn word(bytes: &[u8]) -> Widest {
    let mut word = [0; WORD];
    word.copy_from_slice(bytes);
    Widest::from_ne_bytes(word)
}

/// Loads four words.
///
/// # Safety
///
/// As for [`Sealed::load`](super::sealed::Sealed::load), of each.
#[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
#[inline]
unsafe fn load_block(at: NonNull<u8>) -> super::Block {
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

/// Stores four words.
///
/// # Safety
///
/// As for [`Sealed::store`](super::sealed::Sealed::store), of each.
#[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
#[inline]
unsafe fn store_block(at: NonNull<u8>, [first, second, third, fourth]: super::Block) {
    // SAFETY: the caller's promise.
    unsafe {
        Widest::store(at, first);
        Widest::store(at.add(WORD), second);
        Widest::store(at.add(2 * WORD), third);
        Widest::store(at.add(3 * WORD), fourth);
    }
}
