//! The cargo features of `xen-abi`: which header belongs to which family.

/// A family of headers, under one cargo feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// What every guest needs: always there.
    Core,
    /// Hardware-assisted guests and their devices' saved state.
    Hvm,
    /// Split-driver protocols.
    Io,
    /// Messages between domains.
    Argo,
    /// What Linux offers to programs.
    Linux,
    /// What only a toolstack or a privileged domain uses, versioned and unstable for the most part.
    Toolstack,
}

/// Headers outside `io/` and `hvm/` that belong to toolstacks and monitors.
const TOOLSTACK: &[&str] = &[
    "arch-x86/cpufeatureset.h",
    "arch-x86/guest-acpi.h",
    "arch-x86/pmu.h",
    "arch-x86/xen-mca.h",
    "bootfdt.h",
    "device_tree_defs.h",
    "domctl.h",
    "hypfs.h",
    "kexec.h",
    "platform.h",
    "pmu.h",
    "sysctl.h",
    "tmem.h",
    "trace.h",
    "vm_event.h",
    "xencomm.h",
    "xenoprof.h",
    "xsm/flask_op.h",
];

/// Headers under `hvm/` and `io/` that a guest without devices needs too, or other families share.
const CORE: &[&str] = &["arch-x86/hvm/start_info.h", "hvm/hvm_op.h", "hvm/params.h", "io/ring.h"];

impl Family {
    /// The family of `header`.
    #[must_use]
    pub fn of(header: &str) -> Self {
        if TOOLSTACK.contains(&header) {
            Self::Toolstack
        } else if header == "argo.h" {
            Self::Argo
        } else if header.starts_with("linux/") {
            Self::Linux
        } else if CORE.contains(&header) {
            Self::Core
        } else if header.starts_with("io/") {
            Self::Io
        } else if header.starts_with("hvm/") || header.contains("/hvm/") {
            Self::Hvm
        } else {
            Self::Core
        }
    }

    /// The cargo feature, or `None` for what is always there.
    #[must_use]
    pub const fn feature(self) -> Option<&'static str> {
        match self {
            Self::Core => None,
            Self::Hvm => Some("hvm"),
            Self::Io => Some("io"),
            Self::Argo => Some("argo"),
            Self::Linux => Some("linux"),
            Self::Toolstack => Some("toolstack"),
        }
    }

    /// Whether a header of this family may use types of one of `other`; `toolstack` enables `hvm`.
    #[must_use]
    pub fn may_use(self, other: Self) -> bool {
        other == Self::Core || other == self || (self, other) == (Self::Toolstack, Self::Hvm)
    }
}
