//! 32-bit Arm: the zImage that Xen puts anywhere, mapped where it was linked for.

#![allow(unsafe_code, reason = "the first instructions, and what Xen left in memory for us")]

use core::arch::global_asm;
use core::cell::UnsafeCell;

use xen_ops::backend::arm::Hvc;
use xen_scenarios::Kind;

use super::{STACK, STACK_SIZE, Start, run};
use crate::exit::{Status, exit};
use crate::memory::Space;
use crate::{console, device_tree};

/// How this guest makes hypercalls.
pub(crate) type Xen = Hvc;

/// Where the linker script begins.
const LINKED_AT: usize = 3 << 30;

/// A section of normal memory: read and write, shareable, write-back.
const SECTION: u32 = 0x11c0e;

/// The translation table, written by the entry code.
#[repr(C, align(16384))]
struct Table(UnsafeCell<[u32; 4096]>);

// SAFETY: no Rust code uses it by its name.
unsafe impl Sync for Table {}

static TABLE: Table = Table(UnsafeCell::new([0; 4096]));

global_asm!(
    include_str!("arm.s"),
    table = sym TABLE,
    section = const SECTION,
    linked_at = const LINKED_AT,
    stack = sym STACK,
    stack_size = const STACK_SIZE,
    start = sym start,
    exception = sym exception,
);

/// The way to the hypervisor.
pub(crate) fn xen() -> Xen {
    // SAFETY: nothing but Xen starts this kernel, in supervisor mode.
    unsafe { Hvc::new() }
}

/// There is no other code than what this kernel is made of.
pub(crate) fn compat_call(_: Kind, _: u32, _: [u32; 5]) -> Option<i32> {
    None
}

/// # Safety
///
/// Called once, by the entry code, with the address of the device tree and of the image, both
/// physical.
unsafe extern "C" fn start(device_tree: *const u8, image: usize) -> ! {
    // SAFETY: Xen put a device tree there, which is mapped where it lies and stays.
    let arguments = unsafe { device_tree::arguments(device_tree) };
    let offset = LINKED_AT.wrapping_sub(image);
    run(Start { kind: Kind::Arm, arguments, space: Space::Translated { offset } })
}

/// What every exception ends in: none is expected.
extern "C" fn exception(mode: u32, at: u32, address: u32) -> ! {
    console::write(format_args!("@exception in mode {mode:#x} at {at:#x}, address {address:#x}"));
    exit(Status::Exception)
}
