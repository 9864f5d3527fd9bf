//! The handlers that Xen enters a PV kernel at: each counts, and returns.

#![allow(unsafe_code, reason = "handlers in assembly")]

use core::arch::global_asm;
use core::sync::atomic::{AtomicU32, Ordering};

use xen_abi::arch_x86::xen::trap_info;
use xen_abi::arch_x86::xen_x86_64::FLAT_KERNEL_CS;
use xen_abi::xen::__HYPERVISOR_iret;
use xen_guest::backend::HYPERCALL_PAGE;

/// The bit of the flags that stands for events that are not masked.
const INTERRUPTS: i32 = 1 << 9;

/// How often each handler was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Trap {
    Debug,
    Breakpoint,
    InvalidOpcode,
    NoDevice,
    Event,
    Nmi,
}

static COUNTS: [AtomicU32; 6] = [const { AtomicU32::new(0) }; 6];

/// How often the handler was entered so far.
pub(super) fn count(trap: Trap) -> u32 {
    COUNTS.get(trap as usize).map_or(0, |count| count.load(Ordering::Relaxed))
}

// Xen pushes rcx and r11 on top of what the processor does. The way back is the hypercall `iret`, whose slot in
// the page pushes rcx, r11 and rax: below them it takes flags, of which there are none, and the frame. A `ud2`
// is skipped. Events stay masked, for the one that was pending still is.
global_asm!(
    "
    .text
    .globl pv_debug, pv_breakpoint, pv_invalid_opcode, pv_no_device, pv_event, pv_nmi, pv_failsafe
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
        and     qword ptr [rsp + 32], {without_interrupts}
        jmp     1f
    pv_nmi:
        inc     dword ptr [rip + {counts} + 20]
    1:
        mov     rcx, [rsp]
        mov     r11, [rsp + 8]
        add     rsp, 8
        mov     qword ptr [rsp], 0
        jmp     {hypercall_page} + {iret} * 32
    pv_failsafe:
        ud2
    ",
    counts = sym COUNTS,
    hypercall_page = sym HYPERCALL_PAGE,
    iret = const __HYPERVISOR_iret,
    without_interrupts = const !INTERRUPTS,
);

unsafe extern "C" {
    fn pv_debug();
    fn pv_breakpoint();
    fn pv_invalid_opcode();
    fn pv_no_device();
    fn pv_event();
    fn pv_nmi();
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

/// The entry for non-maskable interrupts.
pub(super) fn nmi() -> usize {
    at(pv_nmi)
}
