//! The hypervisors whose layouts are compared with ours, as `hypervisors.toml` lists them.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use debian_packages::{Options, PackageFiles, PackagePin, unpack_source};
use devtools::Arch;
use serde::{Deserialize, Deserializer};

use crate::Error;

/// What the linked hypervisor is called in the cache.
const LINKED: &str = "xen-syms";

/// A hypervisor as the linker made it, with the debug information of its structures.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Symbols {
    /// The release of Xen, for example `4.20`.
    pub release: String,
    /// The file's path in the package.
    pub image: String,
    /// The package.
    pub package: PackagePin,
}

/// The source that a distribution built a hypervisor from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourcePackage {
    /// The release of Xen.
    pub release: String,
    /// The architecture to build it for.
    #[serde(deserialize_with = "arch")]
    pub arch: Arch,
    /// Upstream's archive.
    pub upstream: PackagePin,
    /// The distribution's own, with its patches in `debian/patches`.
    pub changes: PackagePin,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    symbols: Vec<Symbols>,
    #[serde(rename = "source")]
    sources: Vec<SourcePackage>,
}

static LIST: LazyLock<List> = LazyLock::new(|| {
    let text = include_str!("../hypervisors.toml");
    toml::from_str(text).expect("the suite's own hypervisors.toml is tested")
});

/// The hypervisors that are packaged with debug information.
#[must_use]
pub fn symbols() -> &'static [Symbols] {
    &LIST.symbols
}

/// The sources of others, which have to be built.
#[must_use]
pub fn sources() -> &'static [SourcePackage] {
    &LIST.sources
}

impl Symbols {
    /// The file, from the cache or from its package.
    pub fn obtain(&self, options: &Options<'_>) -> Result<PathBuf, Error> {
        let files = [(LINKED.to_owned(), self.image.clone())].into();
        let files = PackageFiles { files, package: self.package.clone() }.obtain(options)?;
        Ok(files.paths.into_values().collect())
    }
}

impl SourcePackage {
    /// Unpacks the source into `place`, a directory that does not exist yet.
    pub fn unpack(&self, place: &Path, options: &Options<'_>) -> Result<(), Error> {
        Ok(unpack_source(&self.upstream, &self.changes, place, options)?)
    }
}

/// An architecture by any of its names.
fn arch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arch, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pins_are_whole() {
        for Symbols { image, package, .. } in symbols() {
            assert!(package.is_sound() && image.contains("xen-syms"), "{package:?}");
        }
        assert!(!sources().is_empty());
        for SourcePackage { upstream, changes, .. } in sources() {
            assert!(upstream.is_sound() && changes.is_sound(), "{upstream:?}");
            assert!(upstream.pool.ends_with(".orig.tar.xz"), "{upstream:?}");
            assert!(changes.pool.ends_with(".debian.tar.xz"), "{changes:?}");
        }
    }
}
