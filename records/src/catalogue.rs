//! Which releases and architectures the records are of.

use crate::cells::Cells;

/// Most releases that records can hold.
pub const MAX_RELEASES: usize = 64;

/// Most architectures that records can hold.
pub const MAX_ARCHES: usize = 8;

/// An architecture, with the rules of its C that a type's spelling depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arch {
    /// Its name, such as `x86_64`.
    pub name: String,
    /// Bytes of a pointer.
    pub pointer: u64,
    /// Bytes of a guest handle.
    pub handle: u64,
    /// Alignment in bytes of a 64-bit integer in a structure.
    pub align64: u64,
}

/// A release of Xen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The release as users name it, such as `4.20`.
    pub name: String,
    /// The point release whose headers were read, such as `4.20.4`.
    pub point: String,
    /// `__XEN_LATEST_INTERFACE_VERSION__`.
    pub interface: u32,
    /// `XEN_DOMCTL_INTERFACE_VERSION`.
    pub domctl: u32,
    /// `XEN_SYSCTL_INTERFACE_VERSION`.
    pub sysctl: u32,
}

impl Release {
    /// For sorting: `4.9` is older than `4.20`, and `4.20.0` than `4.20`, which is the branch's newest.
    #[must_use]
    pub fn key(&self) -> (u32, u32, u32) {
        let mut parts = self.name.split('.').map(|part| part.parse().ok());
        let mut next = || parts.next().flatten();
        (next().unwrap_or(u32::MAX), next().unwrap_or(u32::MAX), next().unwrap_or(u32::MAX))
    }
}

/// The releases, oldest first, the architectures, and which architecture is in which release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Releases, oldest first.
    pub releases: Vec<Release>,
    /// Architectures, in the order of columns.
    pub arches: Vec<Arch>,
    /// The pairs that there are.
    pub cells: Cells,
}

impl Catalogue {
    /// The number of the release called `name`: `4.20`, or its point release `4.20.4`.
    #[must_use]
    pub fn release(&self, name: &str) -> Option<usize> {
        let name = name.strip_prefix("RELEASE-").unwrap_or(name);
        let by_name = self.releases.iter().position(|release| release.name == name);
        by_name.or_else(|| self.releases.iter().position(|release| release.point == name))
    }

    /// The numbers of a release and an architecture by their names, if the release has the architecture.
    #[must_use]
    pub fn cell(&self, release: &str, arch: &str) -> Option<(usize, usize)> {
        let (release, arch) = (self.release(release)?, self.arch(arch)?);
        self.cells.contains(release, arch).then_some((release, arch))
    }

    /// The number of the architecture called `name`, by its own name or Debian's.
    #[must_use]
    pub fn arch(&self, name: &str) -> Option<usize> {
        let name = match name {
            "amd64" | "x86-64" => "x86_64",
            "i386" | "i686" | "x86" => "x86_32",
            "arm64" => "aarch64",
            "arm32" | "armhf" | "armv7" => "arm",
            other => other,
        };
        self.arches.iter().position(|arch| arch.name == name)
    }
}
