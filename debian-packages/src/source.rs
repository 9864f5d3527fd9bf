//! The source packages of hypervisors, as `hypervisors.toml` lists them.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use lzma_rust2::XzReader;
use serde::{Deserialize, Serialize};

use crate::cache::Scratch;
use crate::deb::MEMORY_LIMIT_KIB;
use crate::hypervisor::LIST;
use crate::{Error, Options, PackagePin, fetch};

/// The source that a distribution built a hypervisor from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourcePackage {
    /// The release of Xen, for example `4.20`.
    pub release: String,
    /// The Debian architecture to build it for, for example `arm64`.
    pub arch: String,
    /// Upstream's archive.
    pub upstream: PackagePin,
    /// The distribution's own: its patches are in `debian/patches`.
    pub changes: PackagePin,
}

/// The sources this crate knows, by release and then by architecture.
#[must_use]
pub fn sources() -> &'static [SourcePackage] {
    &LIST.sources
}

impl SourcePackage {
    /// Puts the source into `place`, a directory that is not there yet; the distribution's patches
    /// are not applied.
    ///
    /// # Errors
    ///
    /// Those of [`fetch()`], [`Error::BadPackage`] when an archive is damaged or does not hold one
    /// directory, and [`Error::Cache`] when `place` cannot be written.
    pub fn unpack(&self, place: &Path, options: &Options<'_>) -> Result<(), Error> {
        let upstream = fetch(&self.upstream, options)?.deb;
        let changes = fetch(&self.changes, options)?.deb;
        (options.progress)(&format!("unpacking {}", self.upstream.file_name()));
        let scratch = Scratch::dir(place.parent().unwrap_or(Path::new(".")))?;
        extract(&upstream, scratch.path())?;
        let tree = only_entry(scratch.path(), &upstream)?;
        extract(&changes, &tree)?;
        fs::rename(&tree, place).map_err(|source| Error::cache(place, source))
    }
}

fn extract(archive: &Path, dest: &Path) -> Result<(), Error> {
    let file = File::open(archive).map_err(|source| Error::read(archive, source))?;
    let reader = XzReader::new_mem_limit(BufReader::new(file), true, MEMORY_LIMIT_KIB);
    // Nothing is written outside `dest`, whatever the archive says.
    let done = tar::Archive::new(reader).unpack(dest);
    done.map_err(|error| Error::bad_package(archive, error))
}

/// The one thing in `dir`.
fn only_entry(dir: &Path, archive: &Path) -> Result<PathBuf, Error> {
    let entries = fs::read_dir(dir).map_err(|source| Error::read(dir, source))?;
    let paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    let found = <[PathBuf; 1]>::try_from(paths);
    let [path] =
        found.map_err(|all| Error::bad_package(archive, format!("{} entries", all.len())))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_of_the_crate_are_whole() {
        let labels: Vec<_> =
            sources().iter().map(|known| (known.release.as_str(), known.arch.as_str())).collect();
        assert_eq!(labels, [("4.17", "amd64"), ("4.20", "arm64")]);
        for SourcePackage { upstream, changes, .. } in sources() {
            assert!(upstream.is_sound() && changes.is_sound(), "{upstream:?}");
            assert!(upstream.pool.ends_with(".orig.tar.xz"), "{upstream:?}");
            assert!(changes.pool.ends_with(".debian.tar.xz"), "{changes:?}");
        }
    }
}
