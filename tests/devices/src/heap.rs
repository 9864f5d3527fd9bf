//! A heap that counts allocations, and makes no system calls.
//!
//! In a supervised program that installs it, all system calls are those of its operations, and no call
//! that fails is one of the heap.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Bytes that a program can allocate in all; none is used twice.
const CAPACITY: usize = 16 << 20;

static REQUESTS: AtomicU64 = AtomicU64::new(0);
static ALLOCATED: AtomicU64 = AtomicU64::new(0);

/// Allocations since the program began. All zero unless a [`Heap`] is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// How many allocations were made.
    pub requests: u64,
    /// Bytes that are allocated and not freed.
    pub allocated: u64,
}

/// Allocations since the program began.
#[must_use]
pub fn used() -> Used {
    Used {
        requests: REQUESTS.load(Ordering::Relaxed),
        allocated: ALLOCATED.load(Ordering::Relaxed),
    }
}

/// A global allocator over a fixed area: `#[global_allocator] static HEAP: Heap = Heap::new();`
#[derive(Debug)]
pub struct Heap {
    area: Area,
    taken: AtomicUsize,
}

#[repr(C, align(4096))]
struct Area(UnsafeCell<[u8; CAPACITY]>);

#[allow(unsafe_code, reason = "all threads share the memory of an allocator")]
// SAFETY: the bytes are only accessed through pointers that `alloc` returned, each to one caller.
unsafe impl Sync for Area {}

impl std::fmt::Debug for Area {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Area({CAPACITY} bytes)")
    }
}

impl Heap {
    /// An unused heap.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "it is always a static")]
    pub const fn new() -> Self {
        Self { area: Area(UnsafeCell::new([0; CAPACITY])), taken: AtomicUsize::new(0) }
    }
}

#[allow(unsafe_code, reason = "an allocator")]
// SAFETY: every pointer is in the area, aligned as requested, and its bytes are returned once: `taken`
// only grows, and past `CAPACITY` the result is null.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let place = |taken: usize| {
            let start = taken.checked_next_multiple_of(layout.align())?;
            let end = start.checked_add(layout.size())?;
            (layout.align() <= 4096 && end <= CAPACITY).then_some((start, end))
        };
        let end = |taken| place(taken).map(|(_, end)| end);
        let Ok(taken) = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, end) else {
            return std::ptr::null_mut();
        };
        let Some((start, _)) = place(taken) else { return std::ptr::null_mut() };
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        ALLOCATED.fetch_add(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: `start` is within the area.
        unsafe { self.area.0.get().cast::<u8>().add(start) }
    }

    unsafe fn dealloc(&self, _: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size() as u64, Ordering::Relaxed);
    }
}
