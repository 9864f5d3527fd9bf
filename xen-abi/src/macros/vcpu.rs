//! x86: the CPU a pinned vCPU runs on.
//!
//! Upstream: `xen/include/public/vcpu.h`.

/// The APIC id in `vcpu_get_physid.phys_id`.
///
/// `xen_vcpu_physid_to_x86_apicid` of `vcpu.h`.
#[must_use]
pub const fn xen_vcpu_physid_to_x86_apicid(physid: u64) -> u32 {
    physid as u32
}

/// The ACPI id in `vcpu_get_physid.phys_id`.
///
/// `xen_vcpu_physid_to_x86_acpiid` of `vcpu.h`.
#[must_use]
pub const fn xen_vcpu_physid_to_x86_acpiid(physid: u64) -> u32 {
    (physid >> 32) as u32
}
