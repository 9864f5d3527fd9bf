//! The callback of a PV guest.

use core::arch::global_asm;

use xen_abi::callback::{CALLBACKTYPE_event, CallbackFlags};
use xen_abi::xen::__HYPERVISOR_iret;
use xen_ops::events::TwoLevel;
use xen_ops::hypercall::{Error, callback_op, sched_op, xen_version};

use super::MAX_VCPUS;
use crate::Guest;
use crate::backend::{Backend, HYPERCALL_PAGE};

/// Bytes from one vCPU's entry to the next one's.
const ENTRY_SIZE: usize = 16;

/// # Safety
///
/// As [`Upcalls::install`](super::Upcalls::install).
pub(super) unsafe fn install(
    guest: &Guest,
    vcpu: u32,
    events: &TwoLevel<'static>,
) -> Result<(), Error> {
    unsafe extern "C" {
        fn xen_guest_pv_callbacks();
    }
    events.vcpu().set_upcall_mask(true);
    let entry = xen_guest_pv_callbacks as *const () as usize + vcpu as usize * ENTRY_SIZE;
    // SAFETY: it is the entry of this vCPU, below.
    unsafe {
        callback_op::register(
            &guest.xen(),
            CALLBACKTYPE_event as u16,
            CallbackFlags::empty(),
            entry as u64,
        )
    }
}

/// Lets upcalls come; Xen delivers one that is pending when the hypercall ends.
pub(super) fn enable(xen: &Backend, events: &TwoLevel<'static>) {
    events.vcpu().set_upcall_mask(false);
    if events.upcall_pending() {
        // Any hypercall would do. This one does not fail.
        let _ = xen_version::version(xen);
    }
}

/// Sleeps until there is an upcall, with upcalls masked before and afterwards, and takes it.
pub(super) fn sleep(xen: &Backend, events: &TwoLevel<'static>) {
    // SAFETY: Xen unmasks upcalls, whose callback is registered. It does not let the vCPU sleep if one is pending.
    let _ = unsafe { sched_op::block(xen) };
    events.vcpu().set_upcall_mask(true);
}

/// What the entries lead to calls this.
extern "C" fn interrupted(vcpu: u32) {
    if let Some(installed) = super::installed(vcpu) {
        installed.receive(vcpu);
    }
}

// Xen pushes what IRETQ pops, with the upcall mask in its copy of the flags, then r11 and rcx. It has masked
// upcalls. The hypercall takes that back, and unmasks upcalls if they were.
global_asm!(
    r#"
    .text
    .balign {entry_size}
    .globl xen_guest_pv_callbacks
    xen_guest_pv_callbacks:
    .set xen_guest_vcpu, 0
    .rept {vcpus}
        .balign {entry_size}
        .byte   0x6a, xen_guest_vcpu        /* push */
        jmp     xen_guest_pv_callback
        .set    xen_guest_vcpu, xen_guest_vcpu + 1
    .endr
    xen_guest_pv_callback:
        push    rax
        push    rdx
        push    rsi
        push    rdi
        push    r8
        push    r9
        push    r10
        push    rbp
        mov     rbp, rsp
        mov     edi, [rsp + 8 * 8]
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
        lea     rsp, [rsp + 8]              /* the number of the vCPU */
        pop     rcx
        pop     r11
        push    0                           /* no flags: all registers are restored */
        jmp     {hypercalls} + {iret} * 32
    "#,
    entry_size = const ENTRY_SIZE,
    vcpus = const MAX_VCPUS,
    sse = const cfg!(target_feature = "sse") as u32,
    interrupted = sym interrupted,
    hypercalls = sym HYPERCALL_PAGE,
    iret = const __HYPERVISOR_iret,
);
