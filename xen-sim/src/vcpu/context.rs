//! The registers that a vCPU of a PVH guest starts with, and which Xen accepts.

#![allow(clippy::useless_conversion, reason = "64-bit integers of 32-bit ABIs are wrapped")]

use xen_abi::errno::*;
use xen_abi::hvm::hvm_vcpu::*;

use crate::error::Answer;

const CR0_PG: u64 = 1 << 31;
const CR4_PAE: u64 = 1 << 5;
const EFER_LME: u64 = 1 << 8;
const EFER_LMA: u64 = 1 << 10;

/// Bits of a segment's attributes.
const TYPE: u16 = 0xf;
const WRITABLE_OR_READABLE: u16 = 1 << 1;
const CODE: u16 = 1 << 3;
const NOT_SYSTEM: u16 = 1 << 4;
const DPL: u16 = 3 << 5;
const PRESENT: u16 = 1 << 7;
const GRANULARITY: u16 = 1 << 11;
const PAD: u16 = 0xf << 12;
/// The type of a busy task state segment of 32 bits.
const BUSY_TSS: u16 = 0xb;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Segment {
    Cs,
    Ss,
    Data,
    Tr,
}

/// Checks the registers.
pub(super) fn check(context: &vcpu_hvm_context) -> Answer<()> {
    if context.pad != 0 {
        return Err(XEN_EINVAL);
    }
    let is_accepted = match context.mode {
        VCPU_HVM_MODE_32B => is_32_accepted(context.cpu_regs.x86_32()),
        VCPU_HVM_MODE_64B => is_64_accepted(context.cpu_regs.x86_64()),
        _ => false,
    };
    if is_accepted { Ok(()) } else { Err(XEN_EINVAL) }
}

fn is_32_accepted(regs: &vcpu_hvm_x86_32) -> bool {
    let segments = [
        (Segment::Cs, regs.cs_ar),
        (Segment::Data, regs.ds_ar),
        (Segment::Ss, regs.ss_ar),
        (Segment::Data, regs.es_ar),
        (Segment::Tr, regs.tr_ar),
    ];
    let is_padded = regs.pad1 != 0 || regs.pad2 != [0; 3];
    if is_padded || !segments.into_iter().all(|(segment, ar)| is_segment(segment, ar)) {
        return false;
    }
    let limit = match regs.cs_ar & GRANULARITY {
        0 => u64::from(regs.cs_limit),
        _ => (u64::from(regs.cs_limit) << 12 | 0xfff) & u64::from(u32::MAX),
    };
    let above = |ar: u16| ar & PRESENT != 0 && ar & DPL > regs.cs_ar & DPL;
    let efer = u64::from(regs.efer);
    u64::from(regs.eip) <= limit
        && regs.ss_ar & DPL == regs.cs_ar & DPL
        && !above(regs.ds_ar)
        && !above(regs.es_ar)
        && (efer & EFER_LMA == 0 || efer & EFER_LME != 0)
}

/// Whether a segment's attributes are accepted. Xen marks one that is present as accessed, or busy.
fn is_segment(segment: Segment, ar: u16) -> bool {
    if ar & PAD != 0 {
        return false;
    }
    if ar == 0 {
        return segment == Segment::Data;
    }
    if ar & PRESENT == 0 {
        return false;
    }
    let (is_code, is_open) = (ar & CODE != 0, ar & WRITABLE_OR_READABLE != 0);
    match segment {
        Segment::Tr => ar & NOT_SYSTEM == 0 && (ar | WRITABLE_OR_READABLE) & TYPE == BUSY_TSS,
        _ if ar & NOT_SYSTEM == 0 => false,
        Segment::Cs => is_code,
        Segment::Ss => !is_code && is_open,
        Segment::Data => !is_code || is_open,
    }
}

fn is_64_accepted(regs: &vcpu_hvm_x86_64) -> bool {
    let rip = u64::from(regs.rip) as i64;
    let is_canonical = rip << 16 >> 16 == rip;
    is_canonical
        && u64::from(regs.cr0) & CR0_PG != 0
        && u64::from(regs.cr4) & CR4_PAE != 0
        && u64::from(regs.efer) & EFER_LME != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A flat 32-bit start: code, data and a task state segment.
    fn flat() -> vcpu_hvm_x86_32 {
        let mut regs = vcpu_hvm_x86_32::ZERO;
        (regs.cs_limit, regs.cs_ar) = (u32::MAX, 0xc9b);
        (regs.ds_ar, regs.es_ar, regs.ss_ar, regs.tr_ar) = (0xc93, 0xc93, 0xc93, 0x8b);
        regs
    }

    #[test]
    fn what_xen_accepts_in_32_bits() {
        let wrong: [fn(&mut vcpu_hvm_x86_32); 10] = [
            |regs| regs.pad1 = 1,
            |regs| regs.pad2[2] = 1,
            |regs| regs.cs_ar = 0,
            |regs| regs.cs_ar = 0xc93,
            |regs| regs.ss_ar = 0xc91,
            |regs| regs.tr_ar = 0x89 | NOT_SYSTEM,
            |regs| regs.ds_ar = 0xc13,
            |regs| regs.ds_ar |= DPL,
            |regs| (regs.cs_ar, regs.cs_limit, regs.eip) = (0x49b, 0xfff, 0x1000),
            |regs| regs.efer = EFER_LMA.into(),
        ];
        assert!(is_32_accepted(&flat()));
        // No data segments, and a task state segment that is not busy yet.
        let mut few = flat();
        (few.ds_ar, few.es_ar, few.tr_ar) = (0, 0, 0x89);
        assert!(is_32_accepted(&few));
        for (index, change) in wrong.into_iter().enumerate() {
            let mut regs = flat();
            change(&mut regs);
            assert!(!is_32_accepted(&regs), "{index}");
        }
    }

    #[test]
    fn what_xen_accepts_in_64_bits() {
        let mut regs = vcpu_hvm_x86_64::ZERO;
        (regs.cr0, regs.cr4, regs.efer) = (CR0_PG.into(), CR4_PAE.into(), EFER_LME.into());
        let mut context = vcpu_hvm_context { mode: VCPU_HVM_MODE_64B, ..vcpu_hvm_context::ZERO };
        *context.cpu_regs.x86_64_mut() = regs;
        assert_eq!(check(&context), Ok(()));
        assert_eq!(check(&vcpu_hvm_context { pad: 1, ..context }), Err(XEN_EINVAL));
        assert_eq!(check(&vcpu_hvm_context { mode: 2, ..context }), Err(XEN_EINVAL));
        context.cpu_regs.x86_64_mut().rip = (1_u64 << 47).into();
        assert_eq!(check(&context), Err(XEN_EINVAL));
        context.cpu_regs.x86_64_mut().rip = (!0_u64 << 47).into();
        assert_eq!(check(&context), Ok(()));
        context.cpu_regs.x86_64_mut().cr4 = 0_u64.into();
        assert_eq!(check(&context), Err(XEN_EINVAL));
    }
}
