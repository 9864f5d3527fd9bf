//! What the records of an HVM guest's saved state are called in the stream.
//!
//! Upstream: `xen/include/public/hvm/save.h` and `arch-x86/hvm/save.h`, which bind a record's number,
//! type and compatibility together as the sizes of the arrays in a structure of no other use.

use crate::hvm::save as common;

/// A kind of record, implemented for each `__HVM_SAVE_TYPE_*`.
///
/// ```
/// # #[cfg(target_arch = "x86_64")] {
/// use xen_abi::arch_x86::hvm::save::__HVM_SAVE_TYPE_CPU;
/// use xen_abi::macros::hvm_save::SaveType;
/// assert_eq!(__HVM_SAVE_TYPE_CPU::CODE, 2);
/// # }
/// ```
pub trait SaveType: sealed::Sealed {
    /// The record itself: `HVM_SAVE_TYPE` of `hvm/save.h`.
    type Record;
    /// Its number, in `hvm_save_descriptor.typecode`: `HVM_SAVE_CODE` of `hvm/save.h`.
    const CODE: u16;
    /// Its bytes, in `hvm_save_descriptor.length`: `HVM_SAVE_LENGTH` of `hvm/save.h`.
    const LENGTH: u32 = size_of::<Self::Record>() as u32;
    /// Whether older releases wrote it shorter: `HVM_SAVE_HAS_COMPAT` of `hvm/save.h`.
    const HAS_COMPAT: bool;
}

mod sealed {
    pub trait Sealed {}
}

/// The length of an array member, which a type cannot be asked for directly.
const fn length<S, const N: usize>(_: fn(&S) -> &[u8; N]) -> usize {
    N
}

macro_rules! save_types {
    ($module:ident: $($name:ident, $record:ident;)*) => {
        $(
            impl sealed::Sealed for $module::$name {}
            impl SaveType for $module::$name {
                type Record = $module::$record;
                const CODE: u16 = length(|kind: &Self| &kind.c) as u16;
                const HAS_COMPAT: bool = length(|kind: &Self| &kind.cpt) > 1;
            }
            // The record is the one the structure holds.
            const _: fn(&$module::$name) -> &$module::$record = |kind| &kind.t;
        )*
    };
}

save_types! {
    common:
        __HVM_SAVE_TYPE_END, hvm_save_end;
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use crate::arch_x86::hvm::save as x86;

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
save_types! {
    x86:
        __HVM_SAVE_TYPE_CPU, hvm_hw_cpu;
        __HVM_SAVE_TYPE_HEADER, hvm_save_header;
        __HVM_SAVE_TYPE_HPET, hvm_hw_hpet;
        __HVM_SAVE_TYPE_IOAPIC, hvm_hw_vioapic;
        __HVM_SAVE_TYPE_ISA_IRQ, hvm_hw_isa_irqs;
        __HVM_SAVE_TYPE_LAPIC, hvm_hw_lapic;
        __HVM_SAVE_TYPE_LAPIC_REGS, hvm_hw_lapic_regs;
        __HVM_SAVE_TYPE_MTRR, hvm_hw_mtrr;
        __HVM_SAVE_TYPE_PCI_IRQ, hvm_hw_pci_irqs;
        __HVM_SAVE_TYPE_PCI_LINK, hvm_hw_pci_link;
        __HVM_SAVE_TYPE_PIC, hvm_hw_vpic;
        __HVM_SAVE_TYPE_PIT, hvm_hw_pit;
        __HVM_SAVE_TYPE_PMTIMER, hvm_hw_pmtimer;
        __HVM_SAVE_TYPE_RTC, hvm_hw_rtc;
        __HVM_SAVE_TYPE_TSC_ADJUST, hvm_tsc_adjust;
        __HVM_SAVE_TYPE_VIRIDIAN_DOMAIN, hvm_viridian_domain_context;
        __HVM_SAVE_TYPE_VIRIDIAN_VCPU, hvm_viridian_vcpu_context;
        __HVM_SAVE_TYPE_VMCE_VCPU, hvm_vmce_vcpu;
}
