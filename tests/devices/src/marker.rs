//! How a supervised program marks a window for its supervisor.

use crate::heap;

/// The number of a system call that no kernel has. Without a supervisor it fails and does nothing else.
pub(crate) const NUMBER: i64 = 0x0058_454e;
/// First argument: a window begins; its name's address and length follow.
pub(crate) const BEGIN: u64 = 1;
/// First argument: it ends. The number of allocations in it follows, and how many bytes more are allocated
/// than before.
pub(crate) const END: u64 = 2;

/// Performs an operation in a window of that name. The supervisor lists the system calls in it, may make
/// them fail, and compares what the program holds before and after.
///
/// Windows do not nest.
pub fn window<R>(name: &str, operation: impl FnOnce() -> R) -> R {
    let before = heap::used();
    mark([BEGIN, name.as_ptr() as u64, name.len() as u64]);
    let result = operation();
    let after = heap::used();
    mark([END, after.requests - before.requests, after.allocated.wrapping_sub(before.allocated)]);
    result
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "a system call that no library has a function for")]
fn mark([what, first, second]: [u64; 3]) {
    // SAFETY: no kernel has a call of this number, so it reads and writes nothing; the supervisor
    // reads the bytes of a name that is borrowed while this runs.
    unsafe { nix::libc::syscall(NUMBER, what, first, second) };
}

#[cfg(not(target_os = "linux"))]
fn mark(_: [u64; 3]) {}
