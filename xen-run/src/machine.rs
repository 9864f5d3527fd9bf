//! What can be booted: a release of Xen, on an architecture, with a first domain of some kind.

use std::fmt;

use crate::{Arch, Dom0Files, Hypervisor, NotPinned};

/// The kind of the first domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dom0 {
    /// A kernel as a paravirtualised guest: x86 only.
    Pv,
    /// A kernel as a PVH guest: x86 only.
    Pvh,
    /// A kernel as Arm's one kind of guest.
    Arm,
    /// Debian's Linux, in its default mode: a paravirtualised guest on x86.
    Linux,
    /// Debian's Linux as a PVH guest: x86 only.
    LinuxPvh,
}

/// A machine: hypervisor and first domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Machine {
    /// The release of Xen, for example `4.20`.
    pub release: String,
    /// The hypervisor's architecture.
    pub arch: Arch,
    /// The first domain.
    pub dom0: Dom0,
}

impl Machine {
    /// A machine. Whether it can be booted is said by [`pinned`](Self::pinned).
    #[must_use]
    pub fn new(release: &str, arch: Arch, dom0: Dom0) -> Self {
        Self { release: release.to_owned(), arch, dom0 }
    }

    /// Its hypervisor, if that and all that the first domain needs are pinned. Only with `toolstack`
    /// can Linux start further domains.
    ///
    /// # Errors
    ///
    /// [`NotPinned`] names what is not, and lists what is.
    pub fn pinned(&self, toolstack: bool) -> Result<&'static Hypervisor, NotPinned> {
        if self.has_linux() {
            Dom0Files::linux(&self.release, self.arch)?;
            if toolstack {
                Dom0Files::toolstack(&self.release, self.arch)?;
            }
        }
        Hypervisor::pinned(&self.release, self.arch)
    }

    pub(crate) fn has_linux(&self) -> bool {
        matches!(self.dom0, Dom0::Linux | Dom0::LinuxPvh)
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Xen {} for {} with a {} as dom0", self.release, self.arch, self.dom0)
    }
}

impl fmt::Display for Dom0 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pv => "PV kernel",
            Self::Pvh => "PVH kernel",
            Self::Arm => "kernel",
            Self::Linux => "Linux",
            Self::LinuxPvh => "PVH Linux",
        })
    }
}
