//! Memory for what xen-io allocates. Nothing is used twice: the kernel does not run for long.

#![allow(unsafe_code, reason = "implements the allocator")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const SIZE: usize = 8 << 20;

struct Heap {
    bytes: UnsafeCell<[u8; SIZE]>,
    used: AtomicUsize,
}

#[global_allocator]
static HEAP: Heap = Heap { bytes: UnsafeCell::new([0; SIZE]), used: AtomicUsize::new(0) };

// SAFETY: each byte is handed out once, to the caller that moves `used` past it.
unsafe impl Sync for Heap {}

// SAFETY: the ranges that are handed out lie in `bytes`, are aligned, and do not overlap.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.bytes.get().cast::<u8>();
        let place = |used: usize| {
            let start =
                (base.addr() + used).checked_next_multiple_of(layout.align())? - base.addr();
            let end = start.checked_add(layout.size())?;
            (end <= SIZE).then_some((start, end))
        };
        let mut used = self.used.load(Relaxed);
        loop {
            let Some((start, end)) = place(used) else { return ptr::null_mut() };
            match self.used.compare_exchange_weak(used, end, Relaxed, Relaxed) {
                // SAFETY: `start` is inside the bytes.
                Ok(_) => return unsafe { base.add(start) },
                Err(now) => used = now,
            }
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
