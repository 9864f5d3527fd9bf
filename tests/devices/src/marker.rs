//! How a supervised program tells its supervisor what to look at.

use crate::heap;

/// The number of a system call that no kernel has. Unsupervised, it fails and nothing else happens.
pub(crate) const NUMBER: i64 = 0x0058_454e;
/// First argument: a window begins; its name's address and length follow.
pub(crate) const BEGIN: u64 = 1;
/// First argument: it ends; how often the heap was asked for memory within, and how many bytes more
/// it has lent than before, follow.
pub(crate) const END: u64 = 2;

/// Does something within a window of that name: the supervisor lists the system calls made in it,
/// may let one fail, and compares what the program holds before and after.
///
/// Windows do not nest.
pub fn window<R>(name: &str, operation: impl FnOnce() -> R) -> R {
    let before = heap::used();
    mark([BEGIN, name.as_ptr() as u64, name.len() as u64]);
    let result = operation();
    let after = heap::used();
    mark([END, after.requests - before.requests, after.lent.wrapping_sub(before.lent)]);
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
