//! The release at the root of `xen-abi`, those whose toolstack ABI it has beside the root, and which headers
//! that is.

use devtools::Arch;
use xen_headers::{HeaderTree, LinuxTree, Options, Upstream, linux_pins, pins};

use crate::error::Error;
use crate::families::Family;
use crate::import::Source;
use crate::ir::{Abi, Profile};

/// The release at the root: the newest.
pub const ROOT: &str = "4.22";

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
/// Neighbours have most in common, so a release builds on the one after it.
pub const RELEASES: [Release; 6] = [
    Release { name: ROOT, base: None },
    Release { name: "4.21", base: None },
    Release { name: "4.20", base: Some("4.21") },
    Release { name: "4.19", base: Some("4.20") },
    Release { name: "4.18", base: Some("4.19") },
    Release { name: "4.17", base: Some("4.18") },
];

/// Headers of the core that hold the architecture's part of a domain's configuration.
const DOMAIN_CONFIGURATION: [&str; 2] = ["arch-arm.h", "arch-x86/xen.h"];

impl Release {
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

/// The headers of the root, with Linux's.
///
/// # Errors
///
/// Those of [`HeaderTree::obtain`], [`LinuxTree::obtain`] and [`Source::new`].
pub fn root(upstream: &Upstream, options: &Options<'_>) -> Result<Source, Error> {
    let linux = LinuxTree::obtain(linux_pins(), options)?;
    Source::new(headers(ROOT, upstream, options)?, Some(linux))
}

/// The ABI of every release of [`RELEASES`] on the architectures that `xen-abi` has. `root` is that of
/// [`ROOT`], which is not read again.
///
/// # Errors
///
/// Those of [`HeaderTree::obtain`] and [`abis`](crate::abis).
pub fn beside_root(
    root: &[Abi],
    upstream: &Upstream,
    options: &Options<'_>,
) -> Result<Vec<(Release, Vec<Abi>)>, Error> {
    let abis = |release: Release| {
        if release.name == ROOT {
            return Ok((release, root.to_vec()));
        }
        let source = Source::new(headers(release.name, upstream, options)?, None)?;
        Ok((release, crate::abis(&source, &Arch::SHIPPED, Profile::Tools)?))
    };
    RELEASES.into_iter().map(abis).collect()
}

/// The headers of the newest point release of a series.
pub(crate) fn headers(
    series: &str,
    upstream: &Upstream,
    options: &Options<'_>,
) -> Result<HeaderTree, Error> {
    let point = &pins().point(series)?.name;
    let mut tree = HeaderTree::obtain_from(pins(), point, upstream, options)?;
    // A package may have the same headers.
    tree.label.clone_from(point);
    Ok(tree)
}

/// Whether `header` is part of the unstable ABI, which each release has a module for.
#[must_use]
pub fn is_unstable(header: &str) -> bool {
    matches!(Family::of(header), Family::Toolstack | Family::Hvm)
        || DOMAIN_CONFIGURATION.contains(&header)
}
