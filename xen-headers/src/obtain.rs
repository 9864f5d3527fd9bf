//! A pinned release's headers: from the cache, or from its package.

use std::fs;
use std::path::{Path, PathBuf};

use debian_packages::{Fetched, Options, PackagePin, fetch};

use crate::listing::hashes;
use crate::package::{INCLUDE, describe, unpack_headers};
use crate::pins::Known;
use crate::{Differences, Error, HeaderTree, Origin, Pins, Release, Upstream, Warning};

/// The file beside the headers of a package that is not pinned: what they were when unpacked.
const RECORD: &str = "pin.toml";

impl HeaderTree {
    /// Gets the headers of a release of `pins`, and checks every one of them: from its Debian package,
    /// or from where the environment says that upstream's releases are
    /// ([`Upstream::from_env`]).
    ///
    /// `release` is the name of a release with a package, or of one of upstream's: `4.18.6`, or `4.18`
    /// for the newest of a series without a package. A tree in the cache is checked again each time and
    /// replaced when damaged. Concurrent runs may share a cache.
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownRelease`].
    /// - Those of [`fetch()`] and [`debian_packages::unpack`].
    /// - For a release of upstream's those of [`HeaderTree::from_git`] and [`HeaderTree::from_tarball`];
    ///   [`Error::NoSource`] when the environment names no source that has it and
    ///   [`Error::NotAsPinned`] when the source has other headers.
    pub fn obtain(pins: &Pins, release: &str, options: &Options<'_>) -> Result<Self, Error> {
        Self::obtain_from(pins, release, &Upstream::from_env(), options)
    }

    /// As [`HeaderTree::obtain`], with `upstream` in place of the environment's.
    ///
    /// # Errors
    ///
    /// As [`HeaderTree::obtain`].
    pub fn obtain_from(
        pins: &Pins,
        release: &str,
        upstream: &Upstream,
        options: &Options<'_>,
    ) -> Result<Self, Error> {
        match pins.find(release)? {
            Known::Package(release) => Self::unpacked(pins, release, options),
            Known::Point(release) => match upstream.obtain(pins, release, options) {
                Err(error @ Error::NoSource { .. }) => match pins.same_package(release) {
                    Some(release) => Self::unpacked(pins, release, options),
                    None => Err(error),
                },
                tree => tree,
            },
        }
    }

    fn unpacked(pins: &Pins, release: &Release, options: &Options<'_>) -> Result<Self, Error> {
        let root = include_dir(&release.package, &options.cache);
        if hashes(&root).is_ok_and(|found| found == release.headers) {
            let origin = Origin::Package(release.package.clone());
            return Self::identify(pins, root, &release.headers, origin);
        }
        let fetched = fetch(&release.package, options)?;
        let root = include_dir(&fetched.package, &options.cache);
        let headers = if fetched.package == release.package {
            (options.progress)(&format!("unpacking {}", release.package.file_name()));
            unpack_pinned(release, &fetched.file, &options.cache)?;
            release.headers.clone()
        } else {
            unpack_taken(&release.name, &fetched, options)?.headers
        };
        let mut tree = Self::identify(pins, root, &headers, Origin::Package(fetched.package))?;
        tree.warnings.splice(0..0, fetched.replaced.map(Warning::from));
        Ok(tree)
    }
}

/// The directory in the cache for the content of a package.
fn place(package: &PackagePin, cache: &Path) -> PathBuf {
    cache.join(package.directory_name())
}

fn include_dir(package: &PackagePin, cache: &Path) -> PathBuf {
    place(package, cache).join(INCLUDE.trim_end_matches('/'))
}

fn unpack_pinned(release: &Release, deb: &Path, cache: &Path) -> Result<(), Error> {
    let scratch = unpack_headers(deb, cache)?;
    let found = hashes(&scratch.path().join(INCLUDE))?;
    let differences = Differences::between(&found, &release.headers);
    if !differences.is_empty() {
        let Release { name, package, .. } = release;
        let file = package.file_name();
        return Err(Error::bad_pins(format!("release {name} and {file} differ: {differences}")));
    }
    let dir = place(&release.package, cache);
    let is_good = || hashes(&dir.join(INCLUDE)).is_ok_and(|found| found == release.headers);
    Ok(scratch.publish(&dir, &is_good)?)
}

/// Unpacks a package that is not pinned, unless the cache has it, and says what it holds.
fn unpack_taken(name: &str, fetched: &Fetched, options: &Options<'_>) -> Result<Release, Error> {
    let dir = place(&fetched.package, &options.cache);
    if let Some(release) = recorded(&dir) {
        return Ok(release);
    }
    (options.progress)(&format!("unpacking {}", fetched.package.file_name()));
    let scratch = unpack_headers(&fetched.file, &options.cache)?;
    let release = describe(name, fetched.package.clone(), &scratch.path().join(INCLUDE))?;
    let text = toml::to_string(&release).map_err(Error::bad_pins)?;
    let record = scratch.path().join(RECORD);
    fs::write(&record, text).map_err(|source| debian_packages::Error::cache(&record, source))?;
    scratch.publish(&dir, &|| recorded(&dir).is_some())?;
    Ok(release)
}

/// What `dir` was recorded to hold, when it still does.
fn recorded(dir: &Path) -> Option<Release> {
    let record = fs::read_to_string(dir.join(RECORD)).ok()?;
    let release = toml::from_str::<Release>(&record).ok()?;
    hashes(&dir.join(INCLUDE)).is_ok_and(|found| found == release.headers).then_some(release)
}
