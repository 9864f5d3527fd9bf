//! Further vCPUs: x86 and aarch64.
//!
//! | guest | how a vCPU is started |
//! |---|---|
//! | PV | `VCPUOP_initialise` with `vcpu_guest_context`, `VCPUOP_up` |
//! | PVH | `VCPUOP_initialise` with `vcpu_hvm_context`, `VCPUOP_up` |
//! | Arm | `CPU_ON` of PSCI, which Xen implements |
//!
//! Each runs with the page tables of the first one, so the same memory is at the same addresses. The kernel has the
//! entry code of this crate.

#![allow(unsafe_code, reason = "starts vCPUs")]

use core::cell::UnsafeCell;
use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use xen_ops::hypercall::Error;

use crate::Guest;
use crate::entry::STACK_SIZE;

/// Memory for the stack of one vCPU, 64 KiB.
///
/// ```
/// use xen_guest::smp::Stack;
///
/// static STACKS: [Stack; 3] = [const { Stack::new() }; 3];
/// ```
#[repr(C, align(4096))]
pub struct Stack {
    memory: UnsafeCell<[u8; STACK_SIZE]>,
    is_taken: AtomicBool,
}

// SAFETY: the memory belongs to the vCPU that takes it.
unsafe impl Sync for Stack {}

impl Default for Stack {
    fn default() -> Self {
        Self::new()
    }
}

impl Stack {
    /// A stack that no vCPU has.
    #[must_use]
    pub const fn new() -> Self {
        Self { memory: UnsafeCell::new([0; STACK_SIZE]), is_taken: AtomicBool::new(false) }
    }

    /// Puts what the vCPU is to do at the stack's top, where the stack begins then.
    fn take(&'static self, start: Start) -> Option<NonNull<Start>> {
        if self.is_taken.swap(true, Ordering::AcqRel) {
            return None;
        }
        let top = self.memory.get().wrapping_byte_add(STACK_SIZE - size_of::<Start>());
        let top = NonNull::new(top.cast::<Start>())?;
        // SAFETY: the last bytes of the memory, which is aligned and was taken by nothing else.
        unsafe { top.write(start) };
        Some(top)
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("is_taken", &self.is_taken).finish_non_exhaustive()
    }
}

/// What a vCPU is to do, at the top of its stack.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
struct Start {
    main: fn(u32) -> !,
    vcpu: u32,
}

/// The Rust code that a vCPU enters first, by the entry code of the kernel.
///
/// # Safety
///
/// Called by that code, with what [`start`] passed to it.
#[doc(hidden)]
pub unsafe extern "C" fn secondary(start: *const ()) -> ! {
    // SAFETY: the caller's promise: `Stack::take` wrote it, and this is the vCPU that it was written for.
    let Start { main, vcpu } = unsafe { start.cast::<Start>().read() };
    main(vcpu)
}

/// Starts a vCPU, which calls `main` with its number on its own stack, with upcalls disabled.
///
/// ```no_run
/// use xen_guest::Guest;
/// use xen_guest::smp::{Stack, StartError, start};
///
/// static STACK: Stack = Stack::new();
///
/// fn second(vcpu: u32) -> ! {
///     xen_guest::println!("hello from vCPU {vcpu}");
///     loop {
///         core::hint::spin_loop();
///     }
/// }
///
/// fn both(guest: &Guest) -> Result<(), StartError> {
///     start(guest, 1, &STACK, second)
/// }
/// ```
///
/// # Errors
///
/// [`StartError`]. The stack is lost then, unless it was taken already.
pub fn start(
    guest: &Guest,
    vcpu: u32,
    stack: &'static Stack,
    main: fn(u32) -> !,
) -> Result<(), StartError> {
    let start = stack.take(Start { main, vcpu }).ok_or(StartError::StackTaken)?;
    // SAFETY: the stack is the vCPU's alone, its end leads to `secondary`, and the rest is as on this vCPU.
    unsafe { arch::start(guest, vcpu, start.as_ptr().addr()) }
}

#[cfg(target_arch = "x86_64")]
mod arch {
    use core::arch::{asm, global_asm};

    use xen_abi::arch_x86::xen::{VGCF_in_kernel, vcpu_guest_context};
    use xen_abi::arch_x86::xen_x86_64::{FLAT_KERNEL_CS64, FLAT_KERNEL_SS64};
    use xen_abi::hvm::hvm_vcpu::{
        VCPU_HVM_MODE_64B, vcpu_hvm_context, vcpu_hvm_context_cpu_regs, vcpu_hvm_x86_64,
    };
    use xen_ops::hypercall::vcpu_op;

    use super::StartError;
    use crate::{Guest, StartInfo};

    unsafe extern "C" {
        fn xen_guest_pv_secondary();
        fn xen_guest_pvh_secondary();
    }

    // The kernel's entry code has one of them, or both.
    global_asm!(".weak xen_guest_pv_secondary", ".weak xen_guest_pvh_secondary");

    /// # Safety
    ///
    /// `start` is the top of a stack that is the vCPU's, with what it is to do.
    pub(super) unsafe fn start(guest: &Guest, vcpu: u32, start: usize) -> Result<(), StartError> {
        let xen = guest.xen();
        // SAFETY: the caller's promise; the entries are those of the kernel's entry code.
        unsafe {
            match guest.start_info() {
                StartInfo::Pv(info) => {
                    let frames = info.frames();
                    let tables = frames.get((info.as_c().pt_base >> 12) as usize);
                    let tables = tables.ok_or(StartError::NoPageTables)?.0;
                    let context = pv_context(start as u64, tables);
                    vcpu_op::initialise(&xen, vcpu, &context)?;
                }
                StartInfo::Pvh(_) => {
                    vcpu_op::initialise_hvm(&xen, vcpu, &hvm_context(start as u64))?;
                }
            }
        }
        Ok(vcpu_op::up(&xen, vcpu)?)
    }

    /// The registers of a PV guest's vCPU, with page tables whose top has this machine frame.
    fn pv_context(start: u64, tables: u64) -> vcpu_guest_context {
        let mut context = vcpu_guest_context::ZERO;
        // Not VGCF_online: the vCPU would be up already, and `up` not wake it.
        context.flags = VGCF_in_kernel.into();
        context.ctrlreg[3] = tables << 12;
        (context.kernel_ss, context.kernel_sp) = (FLAT_KERNEL_SS64.into(), start);
        let registers = &mut context.user_regs;
        registers.rip.0 = [xen_guest_pv_secondary as *const () as u64];
        registers.rsp.0 = [start];
        registers.rdi.0 = [start];
        (registers.cs, registers.ss) = (FLAT_KERNEL_CS64 as u16, FLAT_KERNEL_SS64 as u16);
        context
    }

    /// The registers of a PVH guest's vCPU: the control registers are those of this one.
    fn hvm_context(start: u64) -> vcpu_hvm_context {
        const EFER: u32 = 0xc000_0080;
        let (cr0, cr3, cr4): (u64, u64, u64);
        let (low, high): (u32, u32);
        // SAFETY: reads registers that a kernel may read.
        unsafe {
            asm!("mov {}, cr0", out(reg) cr0, options(nomem, nostack, preserves_flags));
            asm!("mov {}, cr3", out(reg) cr3, options(nomem, nostack, preserves_flags));
            asm!("mov {}, cr4", out(reg) cr4, options(nomem, nostack, preserves_flags));
            asm!("rdmsr", in("ecx") EFER, out("eax") low, out("edx") high, options(nomem, nostack));
        }
        let registers = vcpu_hvm_x86_64 {
            rsp: start,
            rdi: start,
            rip: xen_guest_pvh_secondary as *const () as u64,
            // A bit that is always set.
            rflags: 2,
            cr0,
            cr3,
            cr4,
            efer: u64::from(high) << 32 | u64::from(low),
            ..vcpu_hvm_x86_64::ZERO
        };
        let cpu_regs = vcpu_hvm_context_cpu_regs::from_x86_64(registers);
        vcpu_hvm_context { mode: VCPU_HVM_MODE_64B, cpu_regs, ..vcpu_hvm_context::ZERO }
    }
}

#[cfg(target_arch = "x86")]
mod arch {
    use core::arch::asm;

    use xen_abi::hvm::hvm_vcpu::{
        VCPU_HVM_MODE_32B, vcpu_hvm_context, vcpu_hvm_context_cpu_regs, vcpu_hvm_x86_32,
    };
    use xen_ops::hypercall::vcpu_op;

    use super::StartError;
    use crate::Guest;

    unsafe extern "C" {
        fn xen_guest_pvh_secondary();
    }

    /// # Safety
    ///
    /// `start` is the top of a stack that is the vCPU's, with what it is to do.
    pub(super) unsafe fn start(guest: &Guest, vcpu: u32, start: usize) -> Result<(), StartError> {
        let xen = guest.xen();
        // SAFETY: the caller's promise; the entry is that of the kernel's entry code.
        unsafe { vcpu_op::initialise_hvm(&xen, vcpu, &context(start as u32))? };
        Ok(vcpu_op::up(&xen, vcpu)?)
    }

    /// The registers of the vCPU: flat segments, and the control registers of this one.
    fn context(start: u32) -> vcpu_hvm_context {
        const CODE: u32 = 0xc9b;
        const DATA: u32 = 0xc93;
        const BUSY_TASK: u32 = 0x8b;
        let (cr0, cr4): (u32, u32);
        // SAFETY: reads registers that a kernel may read.
        unsafe {
            asm!("mov {}, cr0", out(reg) cr0, options(nomem, nostack, preserves_flags));
            asm!("mov {}, cr4", out(reg) cr4, options(nomem, nostack, preserves_flags));
        }
        let all = u32::MAX;
        let registers = vcpu_hvm_x86_32 {
            esp: start,
            edi: start,
            eip: xen_guest_pvh_secondary as *const () as u32,
            // A bit that is always set.
            eflags: 2,
            cr0,
            cr4,
            cs_limit: all,
            ds_limit: all,
            ss_limit: all,
            es_limit: all,
            tr_limit: 0x67,
            cs_ar: CODE as u16,
            ds_ar: DATA as u16,
            ss_ar: DATA as u16,
            es_ar: DATA as u16,
            tr_ar: BUSY_TASK as u16,
            ..vcpu_hvm_x86_32::ZERO
        };
        let cpu_regs = vcpu_hvm_context_cpu_regs::from_x86_32(registers);
        vcpu_hvm_context { mode: VCPU_HVM_MODE_32B, cpu_regs, ..vcpu_hvm_context::ZERO }
    }
}

#[cfg(target_arch = "aarch64")]
mod arch {
    use core::arch::asm;

    use super::StartError;
    use crate::{AddressSpace, Guest};

    unsafe extern "C" {
        fn xen_guest_secondary();
    }

    /// `CPU_ON` of PSCI, as a call of 64-bit code.
    const CPU_ON: u64 = 0xc400_0003;

    /// # Safety
    ///
    /// `start` is the top of a stack that is the vCPU's, with what it is to do.
    pub(super) unsafe fn start(guest: &Guest, vcpu: u32, start: usize) -> Result<(), StartError> {
        let AddressSpace::Translated { offset } = guest.space();
        let entry = (xen_guest_secondary as *const () as usize).wrapping_sub(offset);
        let target = crate::affinity::affinity(vcpu);
        let result: i64;
        // SAFETY: the caller's promise; the entry is that of the kernel's entry code, by its physical address.
        unsafe {
            asm!(
                "hvc #0",
                inout("x0") CPU_ON => result,
                inout("x1") target => _,
                inout("x2") entry => _,
                inout("x3") start => _,
                clobber_abi("C"),
            );
        }
        // An error is a number of 32 bits.
        match result as i32 {
            0 => Ok(()),
            error => Err(StartError::Psci(error)),
        }
    }
}

/// Why a vCPU is not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// Another vCPU has the stack.
    StackTaken,
    /// The list of frames has none for the page tables with which a PV guest starts.
    NoPageTables,
    /// Xen refuses: `ENOENT` for a vCPU that the domain does not have.
    Hypercall(Error),
    /// PSCI refuses, with this number: -2 for a vCPU that the domain does not have, -4 for one that runs.
    Psci(i32),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StackTaken => f.write_str("the stack is another vCPU's"),
            Self::NoPageTables => {
                f.write_str("the start information has no frame for the page tables")
            }
            Self::Hypercall(error) => error.fmt(f),
            Self::Psci(-2) => f.write_str("CPU_ON: there is no such vCPU"),
            Self::Psci(-4) => f.write_str("CPU_ON: the vCPU runs already"),
            Self::Psci(error) => write!(f, "CPU_ON: error {error} of PSCI"),
        }
    }
}

impl core::error::Error for StartError {}

impl From<Error> for StartError {
    fn from(error: Error) -> Self {
        Self::Hypercall(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_one_vcpu_s() {
        static STACK: Stack = Stack::new();
        fn main(_: u32) -> ! {
            unreachable!("it is not called")
        }
        let top = STACK.take(Start { main, vcpu: 3 }).unwrap();
        assert_eq!(top.as_ptr().addr() % 16, 0);
        // SAFETY: what was written.
        assert_eq!(unsafe { top.read() }.vcpu, 3);
        assert!(STACK.take(Start { main, vcpu: 4 }).is_none());
    }
}
