//! A heap that counts what is asked of it, and never asks the system.
//!
//! A supervised program that installs it makes no system calls for memory, so that its list of calls
//! is that of its operations, and a call that fails is never the heap's.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Bytes that a program can have in all; none is used twice.
const ROOM: usize = 16 << 20;

static REQUESTS: AtomicU64 = AtomicU64::new(0);
static LENT: AtomicU64 = AtomicU64::new(0);

/// What was asked of the heap since the program began. All zero unless a [`Heap`] is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// How often memory was asked for.
    pub requests: u64,
    /// Bytes lent and not yet given back.
    pub lent: u64,
}

/// What was asked of the heap since the program began.
#[must_use]
pub fn used() -> Used {
    Used { requests: REQUESTS.load(Ordering::Relaxed), lent: LENT.load(Ordering::Relaxed) }
}

/// A global allocator over a fixed area: `#[global_allocator] static HEAP: Heap = Heap::new();`
#[derive(Debug)]
pub struct Heap {
    area: Area,
    taken: AtomicUsize,
}

#[repr(C, align(4096))]
struct Area(UnsafeCell<[u8; ROOM]>);

#[allow(unsafe_code, reason = "an allocator's memory is shared by everyone")]
// SAFETY: the bytes are only reached through pointers that `alloc` gave out, each to one caller.
unsafe impl Sync for Area {}

impl std::fmt::Debug for Area {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Area({ROOM} bytes)")
    }
}

impl Heap {
    /// An unused heap.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "only ever a static")]
    pub const fn new() -> Self {
        Self { area: Area(UnsafeCell::new([0; ROOM])), taken: AtomicUsize::new(0) }
    }
}

#[allow(unsafe_code, reason = "what an allocator is")]
// SAFETY: every pointer is within the area, aligned as asked, and its bytes are given out once:
// `taken` only grows, and past `ROOM` the answer is null.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let place = |taken: usize| {
            let start = taken.checked_next_multiple_of(layout.align())?;
            let end = start.checked_add(layout.size())?;
            (layout.align() <= 4096 && end <= ROOM).then_some((start, end))
        };
        let end = |taken| place(taken).map(|(_, end)| end);
        let Ok(taken) = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, end) else {
            return std::ptr::null_mut();
        };
        let Some((start, _)) = place(taken) else { return std::ptr::null_mut() };
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        LENT.fetch_add(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: `start` is within the area.
        unsafe { self.area.0.get().cast::<u8>().add(start) }
    }

    unsafe fn dealloc(&self, _: *mut u8, layout: Layout) {
        LENT.fetch_sub(layout.size() as u64, Ordering::Relaxed);
    }
}
