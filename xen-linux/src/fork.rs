//! Which process this is: a child has its parent's values, and may not touch what they stand for.
//!
//! Asking the kernel for the process number would be a system call at every turn. A page that the
//! kernel wipes in a child says the same for a load.

#![allow(unsafe_code, reason = "a page that is wiped by fork")]

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use rustix::param::page_size;

/// The number of this process among those since the first of them opened a device.
static GENERATION: AtomicU64 = AtomicU64::new(1);

/// The page: its first word is not zero in the process that wrote it.
static PAGE: OnceLock<&'static AtomicU64> = OnceLock::new();

/// A number that a child does not share with its parent.
///
/// # Errors
///
/// What the kernel says if there is no such page to be had.
pub(crate) fn generation() -> Result<u64, Errno> {
    let page = match PAGE.get() {
        Some(page) => *page,
        None => match page() {
            Ok(page) => PAGE.get_or_init(|| page),
            Err(errno) => return Err(errno),
        },
    };
    if page.load(Relaxed) == 0 {
        page.store(GENERATION.fetch_add(1, Relaxed) + 1, Relaxed);
    }
    Ok(page.load(Relaxed))
}

/// A fresh page of zeroes that is one of zeroes again in every child.
fn page() -> Result<&'static AtomicU64, Errno> {
    let length = page_size();
    // SAFETY: a new mapping is in nobody's way; advice is given on it alone, and it is taken back
    // only where nobody has seen it.
    unsafe {
        let rights = ProtFlags::READ | ProtFlags::WRITE;
        let base = mmap_anonymous(ptr::null_mut(), length, rights, MapFlags::PRIVATE)?;
        if let Err(errno) = madvise(base, length, Advice::LinuxWipeOnFork) {
            let _ = munmap(base, length);
            return Err(errno);
        }
        // The page stays for ever.
        Ok(&*base.cast::<AtomicU64>())
    }
}
