//! Which process this is: a child has its parent's values, and may not touch what they stand for.
//!
//! Asking the kernel for the process number would be a system call at every turn. A page that the
//! kernel wipes in a child says the same for a load.

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

/// The page's word, once there is one: then it stays. There is no lock that another thread could hold
/// while the process forks, and the child would wait for.
static WORD: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());

/// A number that a child does not share with its parent, nor with any process before that.
///
/// # Errors
///
/// What the kernel says if there is no page to be had that is wiped by fork: Linux has them from
/// 4.14 on.
pub(crate) fn generation() -> Result<u64, Error> {
    loop {
        // SAFETY: null, or a word of a page that is never unmapped: aligned, and zero to begin with.
        if let Some(word) = unsafe { WORD.load(Acquire).as_ref() } {
            return Ok(number(word));
        }
        let fresh = Page::new()?;
        let word = fresh.base.as_ptr();
        // Where another thread was faster, this one's page goes.
        if WORD.compare_exchange(ptr::null_mut(), word, Release, Relaxed).is_ok() {
            forget(fresh);
        }
    }
}

/// The number in `word`, which gets one if it has none.
fn number(word: &AtomicU64) -> u64 {
    match word.load(Relaxed) {
        0 => take(word),
        number => number,
    }
}

/// A fresh number for `word`, or the one of the thread that was faster.
fn take(word: &AtomicU64) -> u64 {
    let fresh = LAST.fetch_add(1, Relaxed) + 1;
    word.compare_exchange(0, fresh, Relaxed, Relaxed).map_or_else(|first| first, |_| fresh)
}

/// A page of zeroes that is one of zeroes again in every child.
struct Page {
    base: NonNull<AtomicU64>,
}

impl Page {
    fn new() -> Result<Self, Error> {
        let rights = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping is in nobody's way.
        let base =
            unsafe { mmap_anonymous(ptr::null_mut(), page_size(), rights, MapFlags::PRIVATE) };
        let base = base.map_err(Error::errno("mmap"))?;
        let base = NonNull::new(base.cast()).ok_or(Error::nowhere())?;
        let page = Self { base };
        // SAFETY: the advice is about this page alone, which nobody has seen yet.
        unsafe { madvise(page.base.as_ptr().cast(), page_size(), Advice::LinuxWipeOnFork) }
            .map_err(Error::errno("madvise"))?;
        Ok(page)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: it is this value's own, and nobody has seen it.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), page_size()) };
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::testing::in_child;

    #[test]
    fn it_stays_the_same_in_one_process() {
        let first = generation().unwrap();
        assert_ne!(first, 0);
        assert_eq!(generation().unwrap(), first);
        assert_eq!(thread::spawn(|| generation().unwrap()).join().unwrap(), first);
    }

    #[test]
    fn threads_that_come_at_the_same_time_agree() {
        // Both have seen that there is no number yet.
        let word = AtomicU64::new(0);
        let first = take(&word);
        assert_eq!(take(&word), first);
        assert_eq!(number(&word), first);
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
