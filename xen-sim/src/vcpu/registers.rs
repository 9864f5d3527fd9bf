//! The registers that a vCPU was initialised with, as a control domain reads them.

use xen_abi::arch_x86::hvm::save::hvm_hw_cpu;
use xen_abi::arch_x86::xen::{VGCF_in_kernel, VGCF_online, vcpu_guest_context};
use xen_abi::hvm::hvm_vcpu::{VCPU_HVM_MODE_32B, vcpu_hvm_context};

use crate::config::GuestKind;
use crate::state::domain::DomainState;
use crate::state::vcpu::Vcpu;

/// Registers of a vCPU.
#[derive(Clone, Debug)]
pub(crate) enum Registers {
    Pv(Box<vcpu_guest_context>),
    Hvm(Box<hvm_hw_cpu>),
}

/// Copies general registers, which have a name for each width.
macro_rules! copy {
    ($pairs:ident!: $to:expr, $from:expr) => {
        $pairs!($to, $from; rax eax, rcx ecx, rdx edx, rbx ebx, rsp esp, rbp ebp, rsi esi, rdi edi, rip eip,
            rflags eflags)
    };
}
/// To a saved state, from what is as wide.
macro_rules! same_width {
    ($to:expr, $from:expr; $($wide:ident $narrow:ident),*) => { $($to.$wide = $from.$wide;)* };
}
/// To a saved state, from 32 bits.
macro_rules! from_narrow {
    ($to:expr, $from:expr; $($wide:ident $narrow:ident),*) => { $($to.$wide = $from.$narrow.into();)* };
}
/// From a saved state to what a control domain reads, which has the width of its ABI.
macro_rules! to_user {
    ($to:expr, $from:expr; $($wide:ident $narrow:ident),*) => { $(
        #[cfg(target_arch = "x86_64")]
        { $to.$wide.0 = [$from.$wide]; }
        #[cfg(target_arch = "x86")]
        { $to.$narrow.0 = [$from.$wide as u32]; }
    )* };
}

impl Registers {
    /// The general and control registers of a PVH guest's vCPU. Segments are left out.
    pub(crate) fn of_hvm(context: &vcpu_hvm_context) -> Self {
        let mut cpu = Box::new(hvm_hw_cpu::ZERO);
        if context.mode == VCPU_HVM_MODE_32B {
            let regs = context.cpu_regs.x86_32();
            copy!(from_narrow!: cpu, regs);
            (cpu.cr0, cpu.cr3, cpu.cr4) = (regs.cr0.into(), regs.cr3.into(), regs.cr4.into());
            cpu.msr_efer = regs.efer;
        } else {
            let regs = context.cpu_regs.x86_64();
            copy!(same_width!: cpu, regs);
            (cpu.cr0, cpu.cr3, cpu.cr4) = (regs.cr0, regs.cr3, regs.cr4);
            cpu.msr_efer = regs.efer;
        }
        Self::Hvm(cpu)
    }
}

/// The registers of a vCPU of `domain`, in the structure of this build's ABI.
pub(crate) fn guest_context(domain: &DomainState, vcpu: &Vcpu) -> Box<vcpu_guest_context> {
    let mut context = match &vcpu.registers {
        Some(Registers::Pv(context)) => context.clone(),
        Some(Registers::Hvm(cpu)) => {
            let mut context = Box::new(vcpu_guest_context::ZERO);
            copy!(to_user!: context.user_regs, cpu);
            for (index, value) in [(0, cpu.cr0), (3, cpu.cr3), (4, cpu.cr4)] {
                context.ctrlreg[index] = value as _;
            }
            context
        }
        None => Box::new(vcpu_guest_context::ZERO),
    };
    // Where the vCPU is, not where it started.
    let online = if vcpu.is_up { VGCF_online } else { 0 };
    let kernel = if domain.kind == GuestKind::Pv { VGCF_in_kernel } else { 0 };
    context.flags = (online | kernel).into();
    context.vm_assist = domain.vm_assist as _;
    context
}

/// The registers of a vCPU as a record of a saved state.
pub(crate) fn saved_cpu(vcpu: &Vcpu) -> hvm_hw_cpu {
    match &vcpu.registers {
        Some(Registers::Hvm(cpu)) => **cpu,
        _ => hvm_hw_cpu::ZERO,
    }
}
