//! What CPUID reports about Xen, and which instruction makes hypercalls.

use core::arch::asm;
#[cfg(target_arch = "x86")]
use core::arch::x86::{__cpuid_count, CpuidResult};
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::{__cpuid_count, CpuidResult};
use core::fmt;

use xen_abi::arch_x86::cpuid::{
    XEN_CPUID_FIRST_LEAF, XEN_CPUID_SIGNATURE_EBX, XEN_CPUID_SIGNATURE_ECX,
    XEN_CPUID_SIGNATURE_EDX, XEN_HVM_CPUID_DOMID_PRESENT, XEN_HVM_CPUID_VCPU_ID_PRESENT,
};
use xen_abi::xen::domid_t;

use super::{Hvm, Vmcall, Vmmcall};

/// The end of the leaves of hypervisors, and the distance between two hypervisors.
const END: u32 = XEN_CPUID_FIRST_LEAF + 0x1_0000;
const STEP: usize = 0x100;

/// What Xen reports about itself through CPUID.
///
/// Upstream: `xen/include/public/arch-x86/cpuid.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hypervisor {
    /// The first of Xen's leaves: 0x40000000, or higher where Xen also emulates another hypervisor's.
    pub base: u32,
    /// Xen's version: major, then minor.
    pub version: (u16, u16),
    /// The model-specific register through which a hypercall page is filled.
    pub hypercall_msr: u32,
    /// `XEN_CPUID_FEAT1_*`.
    pub features: u32,
    /// `XEN_HVM_CPUID_*`; 0 in a PV guest, and under a Xen that has no such leaf.
    pub hvm_features: u32,
    /// The number of the virtual CPU that executed CPUID, if Xen reports it.
    pub vcpu: Option<u32>,
    /// The id of this domain, if Xen reports it.
    pub domid: Option<domid_t>,
}

/// Why no hypercall instruction was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DetectError {
    /// None of the hypervisors that CPUID shows is Xen.
    NotXen,
    /// The code runs in this ring, not in ring 0.
    NotKernel(u8),
    /// The processor's vendor, in CPUID's own letters, is none whose instruction is known.
    UnknownVendor([u8; 12]),
}

impl Hypervisor {
    /// Queries the processor's CPUID instruction, in an HVM or PVH guest.
    ///
    /// A PV guest uses [`detect_by`](Self::detect_by) with [`pv_cpuid`]: on some processors the plain
    /// instruction shows it the physical machine.
    ///
    /// # Errors
    ///
    /// [`DetectError::NotXen`].
    pub fn detect() -> Result<Self, DetectError> {
        Self::detect_by(cpuid)
    }

    /// Queries `cpuid`, a function of a leaf and a subleaf.
    ///
    /// # Errors
    ///
    /// [`DetectError::NotXen`].
    pub fn detect_by(cpuid: impl Fn(u32, u32) -> CpuidResult) -> Result<Self, DetectError> {
        let base = (XEN_CPUID_FIRST_LEAF..END)
            .step_by(STEP)
            .find(|&base| is_xen(base, cpuid(base, 0)))
            .ok_or(DetectError::NotXen)?;
        let last = cpuid(base, 0).eax;
        let version = cpuid(base + 1, 0).eax;
        let hypercalls = cpuid(base + 2, 0);
        let hvm = if last >= base + 4 { cpuid(base + 4, 0) } else { NOTHING };
        let told = |flag| hvm.eax & flag != 0;
        Ok(Self {
            base,
            version: ((version >> 16) as u16, version as u16),
            hypercall_msr: hypercalls.ebx,
            features: hypercalls.ecx,
            hvm_features: hvm.eax,
            vcpu: told(XEN_HVM_CPUID_VCPU_ID_PRESENT).then_some(hvm.ebx),
            domid: told(XEN_HVM_CPUID_DOMID_PRESENT).then_some(domid_t(hvm.ecx as u16)),
        })
    }
}

const NOTHING: CpuidResult = CpuidResult { eax: 0, ebx: 0, ecx: 0, edx: 0 };

/// Whether these are Xen's leaves, and those that every Xen has are among them.
fn is_xen(base: u32, leaf: CpuidResult) -> bool {
    [leaf.ebx, leaf.ecx, leaf.edx]
        == [XEN_CPUID_SIGNATURE_EBX, XEN_CPUID_SIGNATURE_ECX, XEN_CPUID_SIGNATURE_EDX]
        && leaf.eax >= base + 2
}

impl Hvm {
    /// The instruction of this HVM or PVH guest's processor, by CPUID.
    ///
    /// # Errors
    ///
    /// - [`DetectError::NotKernel`]: a process, or a PV guest, which has a
    ///   [`HypercallPage`](super::HypercallPage).
    /// - [`DetectError::NotXen`].
    /// - [`DetectError::UnknownVendor`]: a [`HypercallPage`](super::HypercallPage) works on every
    ///   processor.
    pub fn detect() -> Result<Self, DetectError> {
        Self::detect_by(ring(), cpuid)
    }

    pub(super) fn detect_by(
        ring: u8,
        cpuid: impl Fn(u32, u32) -> CpuidResult,
    ) -> Result<Self, DetectError> {
        if ring != 0 {
            return Err(DetectError::NotKernel(ring));
        }
        Hypervisor::detect_by(&cpuid)?;
        let vendor = cpuid(0, 0);
        let vendor = text([vendor.ebx, vendor.edx, vendor.ecx]);
        #[allow(unsafe_code, reason = "the checks above are the safety conditions")]
        match &vendor {
            b"GenuineIntel" | b"CentaurHauls" | b"  Shanghai  " => {
                // SAFETY: ring 0 under Xen, and these vendors' processors have VMCALL.
                Ok(Self::Vmcall(unsafe { Vmcall::new() }))
            }
            b"AuthenticAMD" | b"HygonGenuine" => {
                // SAFETY: ring 0 under Xen, and these vendors' processors have VMMCALL.
                Ok(Self::Vmmcall(unsafe { Vmmcall::new() }))
            }
            _ => Err(DetectError::UnknownVendor(vendor)),
        }
    }
}

/// The twelve letters in three registers.
fn text(registers: [u32; 3]) -> [u8; 12] {
    let mut text = [0; 12];
    for (to, register) in text.chunks_exact_mut(4).zip(registers) {
        to.copy_from_slice(&register.to_le_bytes());
    }
    text
}

fn cpuid(leaf: u32, subleaf: u32) -> CpuidResult {
    // SAFETY: every processor that Xen has ever run on has the instruction.
    #[allow(unsafe_code, unused_unsafe, reason = "unsafe in older releases of Rust")]
    unsafe {
        __cpuid_count(leaf, subleaf)
    }
}

/// The privilege level that the code runs at.
fn ring() -> u8 {
    let selector: u16;
    // SAFETY: reads a register.
    #[allow(unsafe_code, reason = "assembly")]
    unsafe {
        asm!("mov {0:x}, cs", out(reg) selector, options(nomem, nostack, preserves_flags));
    }
    (selector & 3) as u8
}

#[cfg(target_arch = "x86")]
macro_rules! base {
    () => {
        "ebx"
    };
}
#[cfg(target_arch = "x86_64")]
macro_rules! base {
    () => {
        "rbx"
    };
}

/// CPUID as Xen answers it to a PV guest: the instruction after the prefix `XEN_EMULATE_PREFIX`.
///
/// # Safety
///
/// The code runs in the kernel of a PV guest: elsewhere the prefix is an undefined instruction.
#[allow(unsafe_code, reason = "a prefix that only Xen knows")]
#[must_use]
pub unsafe fn pv_cpuid(leaf: u32, subleaf: u32) -> CpuidResult {
    let (eax, ebx, ecx, edx): (u32, usize, u32, u32);
    // SAFETY: the caller's promise. The compiler may reserve `rbx`: it is restored.
    unsafe {
        asm!(
            concat!("xchg {b}, ", base!()),
            ".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e",
            "cpuid",
            concat!("xchg {b}, ", base!()),
            b = inlateout(reg) 0_usize => ebx,
            inlateout("eax") leaf => eax,
            inlateout("ecx") subleaf => ecx,
            lateout("edx") edx,
            options(nomem, nostack, preserves_flags),
        );
    }
    CpuidResult { eax, ebx: ebx as u32, ecx, edx }
}

impl fmt::Display for DetectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotXen => f.write_str("CPUID shows no Xen: this is no HVM or PVH guest of it"),
            Self::NotKernel(ring) => write!(
                f,
                "hypercalls by instruction are for ring 0, and this is ring {ring}: a PV guest has \
                 its hypercall page, a process has privcmd"
            ),
            Self::UnknownVendor(vendor) => write!(
                f,
                "the hypercall instruction of {}'s processors is not known: use a hypercall page",
                vendor.escape_ascii()
            ),
        }
    }
}

impl core::error::Error for DetectError {}
