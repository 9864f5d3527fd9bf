//! From the first instruction to [`run`]: one pair of files for each architecture.

#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
#[cfg_attr(target_arch = "arm", path = "arm.rs")]
#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
mod arch;

pub(crate) use arch::{Xen, compat_call, xen};

use core::cell::UnsafeCell;

use xen_scenarios::Kind;

use crate::memory::Space;

/// What the entry code found out.
pub(crate) struct Start {
    /// What kind of guest this is.
    pub(crate) kind: Kind,
    /// The command line.
    pub(crate) arguments: &'static str,
    /// How addresses and frames belong together.
    pub(crate) space: Space,
}

/// Bytes of stack: no function here needs much, and nothing guards the end.
const STACK_SIZE: usize = 64 << 10;

#[repr(C, align(4096))]
struct Stack(UnsafeCell<[u8; STACK_SIZE]>);

#[allow(unsafe_code, reason = "the one processor's stack is no Rust value")]
// SAFETY: no Rust code uses it by its name.
unsafe impl Sync for Stack {}

static STACK: Stack = Stack(UnsafeCell::new([0; STACK_SIZE]));

/// What every entry ends in.
fn run(start: Start) -> ! {
    crate::main(start)
}
