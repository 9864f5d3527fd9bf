//! What the entry code finds out, for the kernel's main function.

use core::fmt;

use xen_abi::xen::domid_t;
use xen_ops::events::own_domid;
use xen_ops::hypercall::Error;

use crate::backend::Backend;
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
use crate::device_tree::DeviceTree;
use crate::memory::AddressSpace;
#[cfg(target_arch = "x86_64")]
use crate::start_info::PvStartInfo;
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
use crate::start_info::{HvmStartInfo, IdentityMapped};

/// What kind of guest a kernel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestKind {
    /// Paravirtualised, x86 only: Xen owns the page tables.
    Pv,
    /// In hardware virtualisation without emulated devices, x86 only.
    Pvh,
    /// Arm's one kind of guest.
    Arm,
}

impl fmt::Display for GuestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pv => "PV",
            Self::Pvh => "PVH",
            Self::Arm => "Arm",
        })
    }
}

/// What Xen told the kernel when it started it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "there is one, on the stack of the main function")]
pub enum StartInfo {
    /// A PV guest's.
    #[cfg(target_arch = "x86_64")]
    Pv(PvStartInfo<'static>),
    /// A PVH guest's.
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    Pvh(HvmStartInfo<'static, IdentityMapped>),
    /// Arm's device tree.
    #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
    DeviceTree(DeviceTree<'static>),
}

/// The guest that a kernel is: what [`entry!`](crate::entry!) passes to its main function.
#[derive(Clone, Debug)]
pub struct Guest {
    pub(crate) xen: Backend,
    pub(crate) kind: GuestKind,
    pub(crate) space: AddressSpace,
    pub(crate) start_info: StartInfo,
    pub(crate) command_line: &'static str,
    pub(crate) domid: Option<domid_t>,
}

impl Guest {
    /// The way to the hypervisor.
    #[must_use]
    pub const fn xen(&self) -> Backend {
        self.xen
    }

    /// What kind of guest this is.
    #[must_use]
    pub const fn kind(&self) -> GuestKind {
        self.kind
    }

    /// How addresses and frames belong together.
    #[must_use]
    pub const fn space(&self) -> AddressSpace {
        self.space
    }

    /// What Xen told the kernel.
    #[must_use]
    pub const fn start_info(&self) -> &StartInfo {
        &self.start_info
    }

    /// A PV guest's start information.
    #[cfg(target_arch = "x86_64")]
    pub(crate) const fn pv_start_info(&self) -> Option<&PvStartInfo<'static>> {
        match &self.start_info {
            StartInfo::Pv(info) => Some(info),
            StartInfo::Pvh(_) => None,
        }
    }

    /// The command line; empty if there is none.
    #[must_use]
    pub const fn command_line(&self) -> &'static str {
        self.command_line
    }

    /// The id of this domain. A PVH guest has it from CPUID; others have it of a port that they allocate
    /// and close.
    ///
    /// # Errors
    ///
    /// Those of [`own_domid`].
    pub fn domid(&self) -> Result<domid_t, Error> {
        self.domid.map_or_else(|| own_domid(self.xen), Ok)
    }
}
