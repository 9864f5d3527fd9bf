//! Creation of domains.

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use xen_abi::arch_x86::xen::EmulationFlags;
use xen_abi::domctl::{CreateDomainFlags, IommuOptions, XEN_DOMCTL_GRANT_version_mask};
use xen_abi::xen::{domid_t, xen_domain_handle_t};
use xen_ops::{DomainId, Hypercall};

use super::Toolstack;
use crate::every::for_release;
use crate::{Error, Release};

const OPERATION: &str = "XEN_DOMCTL_createdomain";

/// A domain to be created: `struct xen_domctl_createdomain` of any release.
///
/// ```
/// use xen_toolstack::CreateConfig;
/// use xen_toolstack::xen_abi::domctl::*;
///
/// let config = CreateConfig {
///     flags: XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
///     max_vcpus: 2,
///     ..CreateConfig::default()
/// };
/// # let _ = config;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateConfig {
    /// Its id, or `None` for one that is free.
    pub domid: Option<DomainId>,
    /// Its label in the security policy; 0 without a policy.
    pub ssidref: u32,
    /// Its UUID.
    pub handle: xen_domain_handle_t,
    /// `XEN_DOMCTL_CDF_*`.
    pub flags: CreateDomainFlags,
    /// `XEN_DOMCTL_IOMMU_*`.
    pub iommu_opts: IommuOptions,
    /// How many vCPUs it has.
    pub max_vcpus: u32,
    /// The highest event channel that it may have.
    pub max_evtchn_port: u32,
    /// The size of its grant table at most, in frames; `None` for Xen's default.
    pub max_grant_frames: Option<u16>,
    /// Frames of its table of mapped grants at most; `None` for Xen's default.
    pub max_maptrack_frames: Option<u16>,
    /// The highest version of its grant table: 1 or 2.
    pub grant_version: u8,
    /// Alternate views of its memory. `None` works with every release, others since 4.19.
    pub altp2m: Option<Altp2m>,
    /// Bytes of each vCPU's trace buffer; 0 for none.
    pub vmtrace_size: u32,
    /// The cpupool that it starts in.
    pub cpupool: u32,
    /// The architecture's part.
    pub arch: ArchConfig,
}

/// Alternate views of a domain's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Altp2m {
    /// Who may use them: `XEN_DOMCTL_ALTP2M_*`.
    pub mode: u16,
    /// How many views there may be, since 4.21; 0 for Xen's default, which earlier releases have.
    pub views: u16,
}

/// The architecture's part of [`CreateConfig`].
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArchConfig {
    /// The devices that Xen emulates: `XEN_X86_EMU_*`.
    pub emulation_flags: EmulationFlags,
    /// `XEN_X86_MSR_RELAXED` and the like.
    pub misc_flags: u32,
}

/// The architecture's part of [`CreateConfig`].
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArchConfig {
    /// The interrupt controller: `XEN_DOMCTL_CONFIG_GIC_*`.
    pub gic_version: u8,
    /// The length of its vectors in units of 128 bits; 0 for no vectors. Since 4.18.
    pub sve_vl: u8,
    /// The trusted execution environment: `XEN_DOMCTL_CONFIG_TEE_*`.
    pub tee_type: u16,
    /// How many shared interrupts it has.
    pub nr_spis: u32,
    /// System control and management: `XEN_DOMCTL_CONFIG_ARM_SCI_*`. Since 4.21.
    pub sci_type: u8,
    /// The memory system of Armv8-R: `XEN_DOMCTL_CONFIG_ARM_V8R_*`. Since 4.22.
    pub v8r_el1_msa: u8,
}

/// A domain with one vCPU and Xen's own limits, which is no HVM domain.
impl Default for CreateConfig {
    fn default() -> Self {
        Self {
            domid: None,
            ssidref: 0,
            handle: [0; 16],
            flags: CreateDomainFlags::empty(),
            iommu_opts: IommuOptions::empty(),
            max_vcpus: 1,
            max_evtchn_port: 1023,
            max_grant_frames: None,
            max_maptrack_frames: None,
            grant_version: 1,
            altp2m: None,
            vmtrace_size: 0,
            cpupool: 0,
            arch: ArchConfig::default(),
        }
    }
}

/// A limit in frames; -1 is Xen's default.
fn limit(frames: Option<u16>) -> i32 {
    frames.map_or(-1, i32::from)
}

impl CreateConfig {
    /// Fails if the release lacks something that is asked for: it would ignore it or take it for something
    /// else.
    fn check(&self, release: Release) -> Result<(), Error> {
        let lacks = |what| Err(Error::Lacks { release, what });
        let highest = for_release!(release, v => v::abi::domctl::XEN_DOMCTL_CDF_MAX);
        if self.flags.bits() >= highest << 1 {
            return lacks("a flag of XEN_DOMCTL_CDF_*");
        }
        if self.altp2m.is_some() && release < Release::V4_19 {
            return lacks("xen_domctl_createdomain.altp2m_opts");
        }
        if self.altp2m.is_some_and(|altp2m| altp2m.views != 0) && release < Release::V4_21 {
            return lacks("xen_domctl_createdomain.altp2m.nr");
        }
        if u32::from(self.grant_version) & !XEN_DOMCTL_GRANT_version_mask != 0 {
            let what = "a version of the grant table above 15";
            return Err(Error::Argument { operation: OPERATION, what });
        }
        #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
        {
            if self.arch.sve_vl != 0 && release < Release::V4_18 {
                return lacks("xen_arch_domainconfig.sve_vl");
            }
            if self.arch.sci_type != 0 && release < Release::V4_21 {
                return lacks("xen_arch_domainconfig.arm_sci_type");
            }
            if self.arch.v8r_el1_msa != 0 && release < Release::V4_22 {
                return lacks("xen_arch_domainconfig.v8r_el1_msa");
            }
        }
        Ok(())
    }
}

/// The structure of one release, without what only some releases have.
macro_rules! common {
    ($v:ident, $config:ident) => {
        $v::abi::domctl::xen_domctl_createdomain {
            ssidref: $config.ssidref,
            handle: $config.handle,
            flags: $config.flags,
            iommu_opts: $config.iommu_opts,
            max_vcpus: $config.max_vcpus,
            max_evtchn_port: $config.max_evtchn_port,
            max_grant_frames: limit($config.max_grant_frames),
            max_maptrack_frames: limit($config.max_maptrack_frames),
            grant_opts: $config.grant_version.into(),
            vmtrace_size: $config.vmtrace_size,
            cpupool_id: $config.cpupool,
            arch: arch!($v, $config),
            ..$v::abi::domctl::xen_domctl_createdomain::ZERO
        }
    };
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
macro_rules! arch {
    ($v:ident, $config:ident) => {
        xen_abi::arch_x86::xen::xen_arch_domainconfig {
            emulation_flags: $config.arch.emulation_flags,
            misc_flags: $config.arch.misc_flags,
        }
    };
}

#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
macro_rules! arch {
    ($v:ident, $config:ident) => {
        $v::abi::arch_arm::xen_arch_domainconfig {
            gic_version: $config.arch.gic_version,
            tee_type: $config.arch.tee_type,
            nr_spis: $config.arch.nr_spis,
            ..$v::abi::arch_arm::xen_arch_domainconfig::ZERO
        }
    };
}

impl<H: Hypercall> Toolstack<H> {
    /// Creates a domain without memory and vCPUs, paused, and returns its id.
    ///
    /// # Errors
    ///
    /// [`Error::Lacks`] if the release lacks what is asked for, and [`Error::Malformed`] if Xen returns a
    /// reserved id. `EEXIST` (the id is in use), `EINVAL` (a flag, a number or a combination that this
    /// machine does not allow), `EOPNOTSUPP`, `ENOMEM`, and `EPERM` if the caller is no control domain.
    pub fn create(&self, config: &CreateConfig) -> Result<DomainId, Error> {
        use crate::raw::{v4_17, v4_18, v4_19, v4_20, v4_21, v4_22};
        let release = self.release();
        config.check(release)?;
        let (xen, version) = (self.hypervisor(), self.versions().domctl);
        let domain = config.domid.map_or(domid_t(0), DomainId::domid);
        let mode = config.altp2m.map_or(0, |altp2m| altp2m.mode);
        let views = config.altp2m.map_or(0, |altp2m| altp2m.views);
        macro_rules! create {
            ($v:ident, |$argument:ident| $set:block) => {{
                #[allow(clippy::needless_update, reason = "not in every release")]
                let mut $argument = common!($v, config);
                $set
                $v::domctl::createdomain.call_as(version, xen, domain, &mut $argument)?
            }};
        }
        let reply = match release {
            Release::V4_17 => create!(v4_17, |argument| {}),
            Release::V4_18 => create!(v4_18, |argument| {
                sve!(argument, config);
            }),
            Release::V4_19 => create!(v4_19, |argument| {
                argument.altp2m_opts = mode.into();
                sve!(argument, config);
            }),
            Release::V4_20 => create!(v4_20, |argument| {
                argument.altp2m_opts = mode.into();
                sve!(argument, config);
            }),
            Release::V4_21 => create!(v4_21, |argument| {
                (argument.altp2m.opts, argument.altp2m.nr) = (mode, views);
                sve!(argument, config);
                #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
                {
                    argument.arch.arm_sci_type = config.arch.sci_type;
                }
            }),
            Release::V4_22 => create!(v4_22, |argument| {
                (argument.altp2m.opts, argument.altp2m.nr) = (mode, views);
                sve!(argument, config);
                #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
                {
                    argument.arch.arm_sci_type = config.arch.sci_type;
                    argument.arch.v8r_el1_msa = config.arch.v8r_el1_msa;
                }
            }),
        };
        let what = "a domain with a reserved id";
        DomainId::new(reply.domain).map_err(|_| Error::Malformed { operation: OPERATION, what })
    }
}

/// Sets the length of vectors, which Arm has.
macro_rules! sve {
    ($argument:ident, $config:ident) => {
        #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
        {
            $argument.arch.sve_vl = $config.arch.sve_vl;
        }
    };
}
use sve;
