//! What [`entry!`](crate::entry!) expands to, and the Rust code that its assembly calls.

#![allow(unsafe_code, reason = "the first instructions, and what Xen left in memory")]

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "arm")]
mod arm;
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
mod image;
#[cfg(target_arch = "x86")]
mod x86;
#[cfg(target_arch = "x86_64")]
mod x86_64;

use core::cell::UnsafeCell;
use core::fmt;

#[cfg(target_arch = "aarch64")]
pub use aarch64::{BLOCK, TRANSLATION};
#[cfg(target_arch = "arm")]
pub use arm::SECTION;
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
pub use image::{exception, interrupt, start_image};
#[cfg(target_arch = "x86")]
pub use x86::start_pvh;
#[cfg(target_arch = "x86_64")]
pub use x86_64::{start_pv, start_pvh};

#[cfg(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64"))]
pub use crate::smp::secondary;

use crate::console;
use crate::shutdown::{Reason, shutdown};

/// Bytes of stack for the first CPU: no function of this crate needs much, and nothing guards the end.
pub const STACK_SIZE: usize = 64 << 10;

/// The first CPU's stack.
#[repr(C, align(4096))]
pub struct Stack(UnsafeCell<[u8; STACK_SIZE]>);

// SAFETY: no Rust code uses it by its name.
unsafe impl Sync for Stack {}

impl Stack {
    /// A stack that has not been used.
    #[allow(clippy::new_without_default, reason = "for one static, in an expansion")]
    #[must_use]
    pub const fn new() -> Self {
        Self(UnsafeCell::new([0; STACK_SIZE]))
    }
}

/// Memory of the kernel's image that the assembly writes, with the alignment of a section of 32-bit Arm's
/// tables.
#[repr(C, align(16384))]
pub struct Tables(UnsafeCell<[u8; 16384]>);

// SAFETY: no Rust code uses it by its name.
unsafe impl Sync for Tables {}

impl Tables {
    /// Tables without an entry.
    #[allow(clippy::new_without_default, reason = "for one static, in an expansion")]
    #[must_use]
    pub const fn new() -> Self {
        Self(UnsafeCell::new([0; 16384]))
    }
}

/// Ends a domain whose start information cannot be used.
fn fail(error: &dyn fmt::Display) -> ! {
    console::write_line(format_args!("cannot start: {error}"));
    shutdown(Reason::Crash)
}
