//! Identifies the process: a child has copies of its parent's values, and must not use what they own.
//!
//! To ask the kernel for the process number would take a system call for each operation. A page that the
//! kernel wipes in a child takes a load.

#![allow(unsafe_code, reason = "a page that is wiped by fork")]

use std::mem::forget;
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicPtr, AtomicU64};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use rustix::param::page_size;

use crate::Error;

/// The last number that this process or one of its ancestors took.
static LAST: AtomicU64 = AtomicU64::new(0);

/// The word in the page, once the page is mapped: then it stays. There is no lock, which another thread
/// could hold while the process forks, so that the child would wait for it.
static WORD: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());

/// A number that a child does not share with its parent, nor with any process before that.
///
/// # Errors
///
/// The kernel's error number if it has no page that fork wipes: Linux has them since 4.14.
pub(crate) fn generation() -> Result<u64, Error> {
    loop {
        // SAFETY: null, or a word of a page that is never unmapped: aligned, and zero to begin with.
        if let Some(word) = unsafe { WORD.load(Acquire).as_ref() } {
            return Ok(number(word));
        }
        let fresh = Page::new()?;
        let word = fresh.base.as_ptr();
        // If another thread was faster, this page is dropped.
        if WORD.compare_exchange(ptr::null_mut(), word, Release, Relaxed).is_ok() {
            forget(fresh);
        }
    }
}

/// The number in `word`, which is set if it is 0.
fn number(word: &AtomicU64) -> u64 {
    match word.load(Relaxed) {
        0 => take(word),
        number => number,
    }
}

/// Sets `word` to a fresh number, unless another thread was faster; the number that it has now.
fn take(word: &AtomicU64) -> u64 {
    let fresh = LAST.fetch_add(1, Relaxed) + 1;
    word.compare_exchange(0, fresh, Relaxed, Relaxed).map_or_else(|first| first, |_| fresh)
}

/// A page of zeroes, which every child finds zeroed again.
struct Page {
    base: NonNull<AtomicU64>,
}

impl Page {
    fn new() -> Result<Self, Error> {
        let rights = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses an address where nothing is mapped.
        let base =
            unsafe { mmap_anonymous(ptr::null_mut(), page_size(), rights, MapFlags::PRIVATE) };
        let base = base.map_err(Error::errno("mmap"))?;
        let base = NonNull::new(base.cast()).ok_or(Error::nowhere())?;
        let page = Self { base };
        // SAFETY: the advice is about this page alone, which has no other user yet.
        unsafe { madvise(page.base.as_ptr().cast(), page_size(), Advice::LinuxWipeOnFork) }
            .map_err(Error::errno("madvise"))?;
        Ok(page)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: the value owns the page, and nothing else refers to it.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), page_size()) };
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::testing::in_child;

    #[test]
    fn one_process_has_one_number() {
        let first = generation().unwrap();
        assert_ne!(first, 0);
        assert_eq!(generation().unwrap(), first);
        assert_eq!(thread::spawn(|| generation().unwrap()).join().unwrap(), first);
    }

    #[test]
    fn concurrent_threads_agree_on_the_number() {
        // Both have read 0.
        let word = AtomicU64::new(0);
        let first = take(&word);
        assert_eq!(take(&word), first);
        assert_eq!(number(&word), first);
    }

    /// In a child, whose other threads cannot map anything at that address.
    #[test]
    fn a_page_that_is_dropped_is_unmapped() {
        in_child(|| {
            let is_mapped = |address: *mut libc::c_void| {
                let mut pages = [0_u8];
                // SAFETY: the kernel writes one byte for the one page.
                unsafe { libc::mincore(address, 1, pages.as_mut_ptr().cast()) == 0 }
            };
            let page = Page::new().unwrap();
            let address = page.base.as_ptr().cast();
            assert!(is_mapped(address));
            drop(page);
            assert!(!is_mapped(address));
        });
    }

    #[test]
    fn every_child_has_a_number_of_its_own() {
        let own = generation().unwrap();
        in_child(|| {
            let child = generation().unwrap();
            in_child(|| {
                let grandchild = generation().unwrap();
                assert!(grandchild > child && child > own);
            });
            assert_eq!(generation().unwrap(), child);
        });
        assert_eq!(generation().unwrap(), own);
    }
}
