//! The first instructions of an upcall on x86: one entry for each vCPU and kind of guest, whose number the
//! entry knows.

use core::arch::global_asm;

use xen_abi::xen::__HYPERVISOR_iret;

use super::{ENTRY_SIZE, MAX_VCPUS, address, interrupted};
use crate::backend::HYPERCALL_PAGE;

unsafe extern "C" {
    fn xen_guest_pv_upcalls();
    fn xen_guest_pvh_upcalls();
}

/// The callback of a vCPU of a PV guest.
pub(super) fn pv(vcpu: u32) -> u64 {
    address(xen_guest_pv_upcalls, vcpu)
}

/// Where the gate of a vCPU of a PVH guest leads to.
pub(super) fn pvh(vcpu: u32) -> u64 {
    address(xen_guest_pvh_upcalls, vcpu)
}

// Xen pushes in a PV guest what IRETQ pops, with the upcall mask in its copy of the flags, then r11 and rcx. It has
// masked upcalls. The hypercall at the end takes all of that back, and unmasks upcalls if they were. In a PVH guest
// the processor pushes what IRETQ pops, and the entry the rest.
global_asm!(
    r#"
    .text
    .balign {entry_size}
    .globl xen_guest_pv_upcalls
    xen_guest_pv_upcalls:
    .set xen_guest_vcpu, 0
    .rept {vcpus}
        .balign {entry_size}
        .byte   0x6a, xen_guest_vcpu        /* push */
        jmp     xen_guest_pv_upcall
        .set    xen_guest_vcpu, xen_guest_vcpu + 1
    .endr
    xen_guest_pv_upcall:
        call    xen_guest_upcall
        add     rsp, 8                      /* the number of the vCPU */
        pop     rcx
        pop     r11
        push    0                           /* no flags: all registers are restored */
        jmp     {hypercalls} + {iret} * 32

    .balign {entry_size}
    .globl xen_guest_pvh_upcalls
    xen_guest_pvh_upcalls:
    .set xen_guest_vcpu, 0
    .rept {vcpus}
        .balign {entry_size}
        push    r11
        push    rcx
        .byte   0x6a, xen_guest_vcpu        /* push */
        jmp     xen_guest_pvh_upcall
        .set    xen_guest_vcpu, xen_guest_vcpu + 1
    .endr
    xen_guest_pvh_upcall:
        call    xen_guest_upcall
        add     rsp, 8                      /* the number of the vCPU */
        pop     rcx
        pop     r11
        iretq

        /* Saves what a call may change, but r11 and rcx. Below its return address is the vCPU's number. */
    xen_guest_upcall:
        push    rax
        push    rdx
        push    rsi
        push    rdi
        push    r8
        push    r9
        push    r10
        push    rbp
        mov     rbp, rsp
        mov     edi, [rsp + 9 * 8]
        cld
        and     rsp, -16
    .if {sse}
        sub     rsp, 512
        fxsave  [rsp]
    .endif
        call    {interrupted}
    .if {sse}
        fxrstor [rsp]
    .endif
        mov     rsp, rbp
        pop     rbp
        pop     r10
        pop     r9
        pop     r8
        pop     rdi
        pop     rsi
        pop     rdx
        pop     rax
        ret
    "#,
    entry_size = const ENTRY_SIZE,
    vcpus = const MAX_VCPUS,
    sse = const cfg!(target_feature = "sse") as u32,
    interrupted = sym interrupted,
    hypercalls = sym HYPERCALL_PAGE,
    iret = const __HYPERVISOR_iret,
);

#[cfg(test)]
mod tests {
    use super::*;

    /// Each entry pushes its vCPU's number, by an instruction whose last byte it is.
    #[test]
    fn every_vcpu_has_an_entry_with_its_number() {
        for vcpu in 0..MAX_VCPUS {
            for (entry, at) in [(pv(vcpu), 0), (pvh(vcpu), 3)] {
                let code = core::ptr::with_exposed_provenance::<[u8; 2]>(entry as usize + at);
                // SAFETY: the entry's own code.
                assert_eq!(unsafe { code.read() }, [0x6a, vcpu as u8]);
            }
        }
    }
}
