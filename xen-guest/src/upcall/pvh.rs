//! The vectors of a PVH guest.

use core::arch::asm;
use core::cell::UnsafeCell;

use xen_abi::hvm::params::{HVM_PARAM_CALLBACK_IRQ, HVM_PARAM_CALLBACK_TYPE_VECTOR};
use xen_abi::xen::DOMID_SELF;
use xen_ops::hypercall::{Error, hvm_op};

use super::{Delivery, MAX_VCPUS, entry};
use crate::Guest;

/// How a PVH guest is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Upcall {
    /// Every vCPU by this vector, without an end of interrupt at its local APIC
    /// (`HVM_PARAM_CALLBACK_IRQ`).
    Vector(u8),
    /// One vCPU by a vector of its own, through its local APIC (`HVMOP_set_evtchn_upcall_vector`).
    VcpuVector {
        /// The vCPU.
        vcpu: u32,
        /// The vector, at least 16.
        vector: u8,
    },
}

/// Has Xen interrupt a PVH guest when events are pending: for a kernel that has interrupt descriptors of its own.
/// A PV guest registers a callback instead (`CALLBACKOP_register`).
///
/// # Errors
///
/// `EINVAL` (a PV guest, or a vector of a vCPU's own below 16), `ENOENT` (no such vCPU).
///
/// # Safety
///
/// The vector's gate leads to a handler on each vCPU concerned.
pub unsafe fn enable(guest: &Guest, upcall: Upcall) -> Result<(), Error> {
    let xen = guest.xen();
    match upcall {
        Upcall::Vector(vector) => {
            let value = u64::from(HVM_PARAM_CALLBACK_TYPE_VECTOR) << 56 | u64::from(vector);
            // SAFETY: the caller's promise.
            unsafe { hvm_op::set_param(&xen, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, value) }
        }
        Upcall::VcpuVector { vcpu, vector } => {
            // SAFETY: the caller's promise.
            unsafe { hvm_op::set_evtchn_upcall_vector(&xen, vcpu, vector) }
        }
    }
}

/// The vector of upcalls: the first one that is no exception's, so that the descriptors are few.
const VECTOR: u8 = 32;

/// The interrupt descriptors of each vCPU: a gate for one vector, to the entry that knows the vCPU's number.
static DESCRIPTORS: [Descriptors; MAX_VCPUS as usize] =
    [const { Descriptors(UnsafeCell::new([NO_GATE; VECTOR as usize + 1])) }; MAX_VCPUS as usize];

#[repr(C, align(16))]
struct Descriptors(UnsafeCell<[Gate; VECTOR as usize + 1]>);

// SAFETY: the vCPU that they are for writes them, and its processor reads them.
unsafe impl Sync for Descriptors {}

/// Registers of the local APIC, in the mode in which they are MSRs.
const APIC_BASE: u32 = 0x1b;
const APIC_END_OF_INTERRUPT: u32 = 0x80b;
const APIC_SPURIOUS: u32 = 0x80f;
/// Bits of the first and the last one: enabled, as MSRs; enabled by software, with the spurious vector 0xff.
const APIC_BASE_ENABLED: u64 = 3 << 10;
const APIC_ENABLED: u64 = 0x1ff;

/// # Safety
///
/// As [`Upcalls::install`](super::Upcalls::install).
pub(super) unsafe fn install(guest: &Guest, vcpu: u32, delivery: Delivery) -> Result<(), Error> {
    let descriptors = &DESCRIPTORS[vcpu as usize];
    // SAFETY: the caller's promise: the kernel has no other descriptors, and these stay. During
    // what the gate leads to, interrupts are disabled.
    unsafe {
        let selector: u16;
        asm!("mov {:x}, cs", out(reg) selector, options(nomem, nostack, preserves_flags));
        let gate = &raw mut (*descriptors.0.get())[VECTOR as usize];
        gate.write_volatile(interrupt_gate(entry::pvh(vcpu), selector));
        let pointer = Pointer {
            limit: size_of::<[Gate; VECTOR as usize + 1]>() as u16 - 1,
            address: descriptors.0.get().addr(),
        };
        asm!("cli", "lidt [{}]", in(reg) &raw const pointer, options(readonly, nostack));
        match delivery {
            Delivery::Direct => enable(guest, Upcall::Vector(VECTOR)),
            Delivery::LocalApic => {
                write_msr(APIC_BASE, read_msr(APIC_BASE) | APIC_BASE_ENABLED);
                write_msr(APIC_SPURIOUS, APIC_ENABLED);
                enable(guest, Upcall::VcpuVector { vcpu, vector: VECTOR })
            }
        }
    }
}

/// What LIDT reads.
#[repr(C, packed)]
struct Pointer {
    limit: u16,
    address: usize,
}

/// A descriptor of the processor's mode; one of 64-bit code has a second word.
type Gate = [u64; size_of::<usize>() / 4];
const NO_GATE: Gate = [0; size_of::<usize>() / 4];

/// The descriptor of an interrupt gate to `address`.
fn interrupt_gate(address: u64, selector: u16) -> Gate {
    // Present, ring 0, an interrupt gate of the processor's mode.
    const KIND: u64 = 0x8e00 << 32;
    let low = address & 0xffff | (address >> 16 & 0xffff) << 48;
    let words = [low | u64::from(selector) << 16 | KIND, address >> 32];
    core::array::from_fn(|at| words[at])
}

/// # Safety
///
/// The register exists, and what is read means what the caller thinks.
unsafe fn read_msr(msr: u32) -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: the caller's promise.
    unsafe { asm!("rdmsr", in("ecx") msr, out("eax") low, out("edx") high, options(nostack)) };
    u64::from(high) << 32 | u64::from(low)
}

/// # Safety
///
/// The register exists, and the kernel stands what the value does.
unsafe fn write_msr(msr: u32, value: u64) {
    let (low, high) = (value as u32, (value >> 32) as u32);
    // SAFETY: the caller's promise.
    unsafe { asm!("wrmsr", in("ecx") msr, in("eax") low, in("edx") high, options(nostack)) };
}

/// Ends the interrupt that the local APIC has delivered.
///
/// # Safety
///
/// This vCPU has upcalls by its local APIC, and this one is its newest interrupt.
pub(super) unsafe fn end_of_interrupt() {
    // SAFETY: the caller's promise.
    unsafe { write_msr(APIC_END_OF_INTERRUPT, 0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_has_the_address_in_parts() {
        let gate = interrupt_gate(0x1122_3344_5566_7788, 8);
        assert_eq!(gate[0], 0x5566_8e00_0008_7788);
        #[cfg(target_arch = "x86_64")]
        assert_eq!(gate[1], 0x1122_3344);
    }
}
