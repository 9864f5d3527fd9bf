//! Hypercalls from 32-bit code, in a PVH guest: Xen takes them as those of a 32-bit guest. A kernel of 64 bits
//! leaves long mode for them.

#![allow(unsafe_code, reason = "32-bit code")]

#[cfg(target_arch = "x86_64")]
use core::arch::global_asm;

use xen_guest::backend::Backend;
#[cfg(target_arch = "x86_64")]
use xen_guest::backend::HYPERCALL_PAGE;
#[cfg(target_arch = "x86")]
use xen_ops::hypercall::Hypercall as _;

// extern "C" fn compat_call(number: u32, arguments: &[u32; 5]) -> i32
// 0x18 is the entry code's 32-bit code segment.
#[cfg(target_arch = "x86_64")]
global_asm!(
    "
    .text
    .globl compat_call
    compat_call:
        push    rbx
        push    rbp
        mov     eax, edi
        shl     eax, 5
        lea     eax, [eax + {hypercall_page}]
        mov     ebx, [rsi]
        mov     ecx, [rsi + 4]
        mov     edx, [rsi + 8]
        mov     edi, [rsi + 16]
        mov     esi, [rsi + 12]
        call    fword ptr [rip + compat_gate]
        pop     rbp
        pop     rbx
        ret
    .code32
    compat_segment:
        call    eax
        retf
    .code64
    .data
    compat_gate:
        .long   compat_segment
        .word   0x18
    .text
    ",
    hypercall_page = sym HYPERCALL_PAGE,
);

#[cfg(target_arch = "x86_64")]
unsafe extern "C" {
    fn compat_call(number: u32, arguments: &[u32; 5]) -> i32;
}

/// Makes a hypercall from 32-bit code. The guest is a PVH guest.
#[cfg(target_arch = "x86_64")]
pub(crate) fn call(_: &Backend, number: u32, arguments: [u32; 5]) -> i32 {
    // SAFETY: this is ring 0 with the descriptors and the hypercall page that the code uses, and
    // everything is mapped where it is, below 4 GiB.
    unsafe { compat_call(number, &arguments) }
}

/// The same in a kernel of 32 bits, all of whose hypercalls are.
#[cfg(target_arch = "x86")]
pub(crate) fn call(xen: &Backend, number: u32, arguments: [u32; 5]) -> i32 {
    // SAFETY: the scenario hands over memory that Xen may read and write.
    unsafe { xen.call(number, arguments.map(|argument| argument as usize)) as i32 }
}
