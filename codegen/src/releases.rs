//! The releases whose toolstack ABI `xen-abi` has beside its root, and which headers that is.

use xen_headers::{PointRelease, pins};

use crate::error::Error;
use crate::families::Family;

/// A release beside the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its number: `4.17`.
    pub name: &'static str,
    /// The release that its modules build on, or `None` for the root.
    pub base: Option<&'static str>,
}

/// Every release, each after the one that it builds on.
///
/// Neighbours have most in common, so a release builds on its neighbour in the direction of the root.
pub const RELEASES: [Release; 6] = [
    Release { name: "4.20", base: None },
    Release { name: "4.19", base: None },
    Release { name: "4.18", base: Some("4.19") },
    Release { name: "4.17", base: Some("4.18") },
    Release { name: "4.21", base: None },
    Release { name: "4.22", base: Some("4.21") },
];

/// Headers of the core that hold the architecture's part of a domain's configuration.
const DOMAIN_CONFIGURATION: [&str; 2] = ["arch-arm.h", "arch-x86/xen.h"];

impl Release {
    /// Its newest point release.
    ///
    /// # Errors
    ///
    /// That it is not pinned.
    pub fn point(&self) -> Result<&'static PointRelease, Error> {
        Ok(pins().point(self.name)?)
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
