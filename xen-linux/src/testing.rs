//! Helpers for tests of several modules.

#![allow(unsafe_code, reason = "tests that fork, and an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs::File;
use std::mem::forget;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

use crate::device::Device;

/// Runs `what` in a child of this process, and fails if it panics there. The child drops what the closure
/// owns; the parent leaks it.
pub(crate) fn in_child(what: impl FnOnce()) {
    // SAFETY: the child runs the closure and exits: no destructor of the parent runs there. The closure
    // takes no lock that another thread could hold, except the allocator's, which the C library keeps
    // usable in children.
    match unsafe { libc::fork() } {
        -1 => panic!("no child"),
        0 => {
            let status = i32::from(catch_unwind(AssertUnwindSafe(what)).is_err());
            // SAFETY: ends the child.
            unsafe { libc::_exit(status) }
        }
        child => {
            forget(what);
            let mut status = -1;
            // SAFETY: waits for that child, and writes to a local variable.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert_eq!(status, 0, "the child failed");
        }
    }
}

/// A file of `length` bytes in place of a device: it can be mapped, and takes no ioctl.
pub(crate) fn memory(name: &str, length: usize) -> (Device, File) {
    let descriptor = memfd_create(name, MemfdFlags::CLOEXEC).unwrap();
    ftruncate(&descriptor, length as u64).unwrap();
    let file = File::from(descriptor.try_clone().unwrap());
    (Device::new(descriptor).unwrap(), file)
}

/// Whether the file with this name is mapped in this process.
pub(crate) fn is_mapped(name: &str) -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.contains(&format!("/memfd:{name} "))
}

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// How often this thread has allocated memory.
pub(crate) fn allocations() -> usize {
    ALLOCATIONS.get()
}

struct Counting;

// SAFETY: the system's allocator does all of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
