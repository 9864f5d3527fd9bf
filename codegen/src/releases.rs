//! The releases whose toolstack ABI `xen-abi` has beside its root, and which headers that is.

use crate::families::Family;

/// A release beside the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its number: `4.17`.
    pub name: &'static str,
    /// The tag of its newest point release in upstream's repository.
    pub tag: &'static str,
    /// The release that its modules build on, or `None` for the root.
    pub base: Option<&'static str>,
}

/// Every release, each after the one that it builds on.
///
/// Neighbours have most in common, so a release builds on its neighbour in the direction of the root.
pub const RELEASES: [Release; 6] = [
    Release { name: "4.20", tag: "RELEASE-4.20.4", base: None },
    Release { name: "4.19", tag: "RELEASE-4.19.6", base: None },
    Release { name: "4.18", tag: "RELEASE-4.18.6", base: Some("4.19") },
    Release { name: "4.17", tag: "RELEASE-4.17.7", base: Some("4.18") },
    Release { name: "4.21", tag: "RELEASE-4.21.2", base: None },
    Release { name: "4.22", tag: "RELEASE-4.22.0", base: Some("4.21") },
];

/// Headers of the core that hold the architecture's part of a domain's configuration.
const DOMAIN_CONFIGURATION: [&str; 2] = ["arch-arm.h", "arch-x86/xen.h"];

impl Release {
    /// The point release: `4.17.7`.
    #[must_use]
    pub fn point(&self) -> &'static str {
        self.tag.trim_start_matches("RELEASE-")
    }

    /// Its module: `v4_17`.
    #[must_use]
    pub fn module(&self) -> String {
        format!("v{}", self.name.replace('.', "_"))
    }

    /// Its cargo feature: `toolstack-4-17`.
    #[must_use]
    pub fn feature(&self) -> String {
        format!("toolstack-{}", self.name.replace('.', "-"))
    }
}

/// Whether `header` is part of the unstable ABI, which each release has a module for.
#[must_use]
pub fn is_unstable(header: &str) -> bool {
    matches!(Family::of(header), Family::Toolstack | Family::Hvm)
        || DOMAIN_CONFIGURATION.contains(&header)
}
