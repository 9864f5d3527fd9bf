//! aarch64: the Image that Xen puts anywhere, mapped where it was linked for.

#![allow(unsafe_code, reason = "the first instructions, and what Xen left in memory for us")]

use core::arch::global_asm;

use xen_ops::backend::arm::Hvc;
use xen_scenarios::Kind;

use super::{STACK, STACK_SIZE, Start, run};
use crate::exit::{Status, exit};
use crate::memory::{RawPage, Space};
use crate::{console, device_tree};

/// How this guest makes hypercalls.
pub(crate) type Xen = Hvc;

/// Where the linker script begins.
const LINKED_AT: usize = 511 << 30;

/// A block of normal memory: accessed, inner shareable, attribute 0.
const BLOCK: u64 = 0x701;

/// TCR_EL1: addresses of 39 bits through TTBR0 alone, walks cached and inner shareable, physical
/// addresses of 40 bits.
const TRANSLATION: u64 = 2 << 32 | 1 << 23 | 3 << 12 | 1 << 10 | 1 << 8 | 25;

/// Translation tables of the first and second level, written by the entry code.
static LEVEL1: RawPage = RawPage::ZERO;
static LEVEL2: RawPage = RawPage::ZERO;

global_asm!(
    include_str!("aarch64.s"),
    level1 = sym LEVEL1,
    level2 = sym LEVEL2,
    block = const BLOCK,
    translation = const TRANSLATION,
    stack = sym STACK,
    stack_size = const STACK_SIZE,
    start = sym start,
    exception = sym exception,
);

/// The way to the hypervisor.
pub(crate) fn xen() -> Xen {
    // SAFETY: nothing but Xen starts this kernel, at EL1.
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
    run(Start {
        kind: Kind::Arm,
        arguments,
        space: Space::Translated { offset: LINKED_AT.wrapping_sub(image) },
    })
}

/// What every exception ends in: none is expected.
extern "C" fn exception(syndrome: u64, at: u64, address: u64) -> ! {
    console::write(format_args!("@exception {syndrome:#x} at {at:#x}, address {address:#x}"));
    exit(Status::Exception)
}
