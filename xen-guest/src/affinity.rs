//! The number of a vCPU, and its affinity: what Arm's MPIDR says, and PSCI and the GIC name it by.
//!
//! Xen puts 16 vCPUs into each group, which has the number of the second level.

/// The affinity of a vCPU.
#[cfg(any(target_arch = "aarch64", test))]
pub(crate) const fn affinity(vcpu: u32) -> u64 {
    (vcpu & 0xf | (vcpu >> 4) << 8) as u64
}

/// The vCPU with an affinity.
pub(crate) const fn vcpu(affinity: usize) -> u32 {
    (affinity & 0xf | (affinity >> 8 & 0xff) << 4) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vcpu_has_an_affinity() {
        assert_eq!([0, 15, 16, 127].map(affinity), [0, 0xf, 0x100, 0x70f]);
        assert!((0..128).all(|number| vcpu(affinity(number) as usize) == number));
        assert_eq!(vcpu(0x8000_0101), 17, "bits of MPIDR above the affinity mean nothing");
    }
}
