//! The end: a status for the program that started the machine.
//!
//! The statuses are QEMU's exit statuses. That of success is none that QEMU has for other ends.

#![allow(unsafe_code, reason = "ports, semihosting and the end of the domain")]

use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering};

use xen_abi::sched::{SCHEDOP_shutdown, SHUTDOWN_crash, SHUTDOWN_poweroff, sched_shutdown};
use xen_abi::xen::__HYPERVISOR_sched_op;
use xen_ops::hypercall::Hypercall;

use crate::console;
use crate::entry::xen;

/// How the guest ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Status {
    /// All was run; whether the results are right is for the harness to say.
    Done = 85,
    /// A panic, which is on the console.
    Panic = 101,
    /// The processor refused something; it is on the console.
    #[cfg_attr(target_arch = "x86_64", expect(dead_code, reason = "Xen reports it there"))]
    Exception = 103,
}

/// Whether the machine is to go on when this domain ends.
static GOES_ON: AtomicBool = AtomicBool::new(false);

/// Says that this is one of several domains, and not the one that ends the machine.
pub(crate) fn let_machine_go_on() {
    GOES_ON.store(true, Ordering::Relaxed);
}

/// Ends the whole machine, or the domain if the machine is to go on.
pub(crate) fn exit(status: Status) -> ! {
    if !GOES_ON.load(Ordering::Relaxed) {
        end_machine(status);
    }
    console::flush();
    let reason = if status == Status::Done { SHUTDOWN_poweroff } else { SHUTDOWN_crash };
    let shutdown = sched_shutdown { reason };
    let at = (&raw const shutdown).expose_provenance();
    loop {
        // SAFETY: Xen reads the reason, and the domain ends.
        unsafe { xen().call2(__HYPERVISOR_sched_op, [SCHEDOP_shutdown as usize, at]) };
    }
}

/// QEMU's device isa-debug-exit at port 0xf4 makes `2 * value + 1` its exit status.
#[cfg(target_arch = "x86_64")]
fn end_machine(status: Status) {
    use xen_abi::physdev::{PHYSDEVOP_set_iopl, physdev_set_iopl};
    use xen_abi::xen::__HYPERVISOR_physdev_op;

    let privilege = physdev_set_iopl { iopl: 1 };
    let at = (&raw const privilege).expose_provenance();
    // SAFETY: lets a PV kernel use ports; a PVH kernel may do so anyway and is refused. A domain
    // that may not use this port has its write ignored or dies of it, and its end is wanted.
    unsafe {
        xen().call2(__HYPERVISOR_physdev_op, [PHYSDEVOP_set_iopl as usize, at]);
        asm!("out 0xf4, eax", in("eax") status as u32 >> 1, options(nomem, nostack));
    }
}

/// Semihosting's SYS_EXIT with the reason ADP_Stopped_ApplicationExit.
#[cfg(not(target_arch = "x86_64"))]
fn end_machine(status: Status) {
    const SYS_EXIT_EXTENDED: usize = 0x20;
    const APPLICATION_EXIT: usize = 0x20026;
    let block = [APPLICATION_EXIT, status as usize];
    // SAFETY: QEMU reads the block and ends.
    unsafe {
        #[cfg(target_arch = "aarch64")]
        asm!("hlt #0xf000", inout("x0") SYS_EXIT_EXTENDED => _, in("x1") block.as_ptr());
        #[cfg(target_arch = "arm")]
        // HLT #0xf000, an instruction that the assembler has for newer processors only.
        asm!(".inst 0xe10f0070", inout("r0") SYS_EXIT_EXTENDED => _, in("r1") block.as_ptr());
    }
}
