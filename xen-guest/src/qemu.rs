//! The end of an emulated machine, with an exit status for the program that started it.

#![allow(unsafe_code, reason = "ports and semihosting")]

use core::arch::asm;

/// The exit status of success: one that QEMU has for no other end, and that every architecture can have.
pub const SUCCESS: u8 = 85;

/// The exit status of a failure, as of a panic in a program of Rust's.
pub const FAILURE: u8 = 101;

/// Ends QEMU with this exit status, from 0 to 255, if it is set up for that: on x86 by the device
/// `isa-debug-exit` at port 0xf4, with odd statuses only; on Arm by `-semihosting-config enable=on`.
/// Otherwise it returns, or the domain ends as crashed.
///
/// Only a hardware domain may use the port.
pub fn exit(status: u8) {
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    {
        use xen_ops::hypercall::physdev_op;

        if let Some(xen) = crate::backend::current() {
            // Lets a PV kernel use ports. A PVH kernel may do so anyway, and is refused.
            let _ = physdev_op::set_iopl(&xen, 1);
        }
        // SAFETY: QEMU ends. A domain that may not use the port has its write ignored, or dies.
        unsafe {
            asm!("out 0xf4, eax", in("eax") u32::from(status) >> 1, options(nomem, nostack));
        }
    }
    #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
    {
        const SYS_EXIT_EXTENDED: usize = 0x20;
        const APPLICATION_EXIT: usize = 0x20026;
        let block = [APPLICATION_EXIT, status.into()];
        // SAFETY: QEMU reads the block and ends.
        unsafe {
            #[cfg(target_arch = "aarch64")]
            asm!("hlt #0xf000", inout("x0") SYS_EXIT_EXTENDED => _, in("x1") block.as_ptr());
            #[cfg(target_arch = "arm")]
            // HLT #0xf000, an instruction that the assembler has for newer processors only.
            asm!(".inst 0xe10f0070", inout("r0") SYS_EXIT_EXTENDED => _, in("r1") block.as_ptr());
        }
    }
}
