//! The handlers that Xen enters a PV kernel at: each counts, and returns.

#![allow(unsafe_code, reason = "handlers in assembly")]

use core::arch::global_asm;
use core::sync::atomic::{AtomicU32, Ordering};

use xen_abi::arch_x86::xen::trap_info;
use xen_abi::arch_x86::xen_x86_64::{FLAT_KERNEL_CS, FLAT_KERNEL_SS};

/// How often each handler was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Trap {
    Debug,
    Breakpoint,
    InvalidOpcode,
    NoDevice,
    Event,
}

static COUNTS: [AtomicU32; 5] = [const { AtomicU32::new(0) }; 5];

/// How often the handler was entered so far.
pub(super) fn count(trap: Trap) -> u32 {
    COUNTS.get(trap as usize).map_or(0, |count| count.load(Ordering::Relaxed))
}

// Xen pushes rcx and r11 on top of what the processor does. The selectors in the frame are those of ring 0,
// and the code segment has the event mask above it, so both are written anew. A `ud2` is skipped.
global_asm!(
    "
    .text
    .globl pv_debug, pv_breakpoint, pv_invalid_opcode, pv_no_device, pv_event, pv_failsafe
    pv_debug:
        inc     dword ptr [rip + {counts}]
        jmp     1f
    pv_breakpoint:
        inc     dword ptr [rip + {counts} + 4]
        jmp     1f
    pv_invalid_opcode:
        inc     dword ptr [rip + {counts} + 8]
        add     qword ptr [rsp + 16], 2
        jmp     1f
    pv_no_device:
        inc     dword ptr [rip + {counts} + 12]
        jmp     1f
    pv_event:
        inc     dword ptr [rip + {counts} + 16]
    1:
        mov     rcx, [rsp]
        mov     r11, [rsp + 8]
        add     rsp, 16
        mov     qword ptr [rsp + 8], {code}
        mov     qword ptr [rsp + 32], {stack}
        iretq
    pv_failsafe:
        ud2
    ",
    counts = sym COUNTS,
    code = const FLAT_KERNEL_CS,
    stack = const FLAT_KERNEL_SS,
);

unsafe extern "C" {
    fn pv_debug();
    fn pv_breakpoint();
    fn pv_invalid_opcode();
    fn pv_no_device();
    fn pv_event();
    fn pv_failsafe();
}

fn at(handler: unsafe extern "C" fn()) -> usize {
    handler as *const () as usize
}

/// A table of the handlers, which an entry without an address ends.
pub(super) fn table() -> [trap_info; 5] {
    let entry = |vector, flags, handler| trap_info {
        vector,
        flags,
        cs: FLAT_KERNEL_CS as u16,
        address: at(handler) as u64,
        ..trap_info::ZERO
    };
    [
        entry(1, 0, pv_debug),
        entry(3, 3, pv_breakpoint),
        entry(6, 0, pv_invalid_opcode),
        entry(7, 0, pv_no_device),
        trap_info::ZERO,
    ]
}

/// The entries for events, after a fault of Xen's own, and for system calls, of which there are none.
pub(super) fn callbacks() -> [usize; 3] {
    [at(pv_event), at(pv_failsafe), at(pv_failsafe)]
}
