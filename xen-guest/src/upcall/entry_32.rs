//! The first instructions of an upcall on 32-bit x86: one entry for each vCPU, whose number the entry knows.

use core::arch::global_asm;

use super::{ENTRY_SIZE, MAX_VCPUS, address, interrupted};

unsafe extern "C" {
    fn xen_guest_pvh_upcalls();
}

/// Where the gate of a vCPU leads to.
pub(super) fn pvh(vcpu: u32) -> u64 {
    address(xen_guest_pvh_upcalls, vcpu)
}

// The processor pushes what IRETD pops: an upcall interrupts ring 0, so that is no stack. The entry saves what a
// call may change.
global_asm!(
    r#"
    .text
    .balign {entry_size}
    .globl xen_guest_pvh_upcalls
    xen_guest_pvh_upcalls:
    .set xen_guest_vcpu, 0
    .rept {vcpus}
        .balign {entry_size}
        .byte   0x6a, xen_guest_vcpu        /* push */
        jmp     xen_guest_pvh_upcall
        .set    xen_guest_vcpu, xen_guest_vcpu + 1
    .endr
    xen_guest_pvh_upcall:
        push    eax
        push    ecx
        push    edx
        push    ebp
        mov     ebp, esp
        mov     eax, [esp + 16]             /* the number of the vCPU */
        cld
        and     esp, -16
    .if {sse}
        sub     esp, 512
        fxsave  [esp]
    .endif
        sub     esp, 16
        mov     [esp], eax
        call    {interrupted}
        add     esp, 16
    .if {sse}
        fxrstor [esp]
    .endif
        mov     esp, ebp
        pop     ebp
        pop     edx
        pop     ecx
        pop     eax
        add     esp, 4                      /* the number of the vCPU */
        iretd
    "#,
    entry_size = const ENTRY_SIZE,
    vcpus = const MAX_VCPUS,
    sse = const cfg!(target_feature = "sse") as u32,
    interrupted = sym interrupted,
);
