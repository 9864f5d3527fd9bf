//! A pinned release's headers: from the cache, or from its package.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cache::Scratch;
use crate::deb::unpack;
use crate::listing::{hashes, is_abi_header};
use crate::repin::pin;
use crate::{
    Differences, Error, Fetched, HeaderTree, Options, Origin, PackagePin, Pins, Release, fetch,
};

/// Where a package holds the headers.
pub(crate) const INCLUDE: &str = "usr/include/xen/";

/// The file beside the headers of a package that is not pinned: what they were when unpacked.
const RECORD: &str = "pin.toml";

impl HeaderTree {
    /// Gets the headers of a release of `pins`, and checks every one of them.
    ///
    /// A tree in the cache is checked again each time and replaced when damaged. Concurrent runs
    /// may share a cache.
    ///
    /// # Errors
    ///
    /// Those of [`Pins::release`], [`fetch()`] and [`unpack`].
    pub fn obtain(pins: &Pins, release: &str, options: &Options<'_>) -> Result<Self, Error> {
        let release = pins.release(release)?;
        let root = include_dir(&release.package, &options.cache);
        if hashes(&root).is_ok_and(|found| found == release.headers) {
            let origin = Origin::Package(release.package.clone());
            return Self::identify(pins, root, &release.headers, origin);
        }
        let fetched = fetch(&release.package, options)?;
        let root = include_dir(&fetched.package, &options.cache);
        let headers = if fetched.package == release.package {
            (options.progress)(&format!("unpacking {}", release.package.file_name()));
            unpack_pinned(release, &fetched.deb, &options.cache)?;
            release.headers.clone()
        } else {
            unpack_taken(&release.name, &fetched, options)?.headers
        };
        let mut tree = Self::identify(pins, root, &headers, Origin::Package(fetched.package))?;
        tree.warnings.splice(0..0, fetched.warning);
        Ok(tree)
    }
}

/// The directory in the cache for the content of a package.
fn place(package: &PackagePin, cache: &Path) -> PathBuf {
    cache.join(package.file_name().trim_end_matches(".deb"))
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
    scratch.publish(&dir, &|| hashes(&dir.join(INCLUDE)).is_ok_and(|f| f == release.headers))
}

/// Unpacks a package that is not pinned, unless the cache has it, and says what it holds.
fn unpack_taken(name: &str, fetched: &Fetched, options: &Options<'_>) -> Result<Release, Error> {
    let dir = place(&fetched.package, &options.cache);
    if let Some(release) = recorded(&dir) {
        return Ok(release);
    }
    (options.progress)(&format!("unpacking {}", fetched.package.file_name()));
    let scratch = unpack_headers(&fetched.deb, &options.cache)?;
    let release = pin(name, fetched.package.clone(), &scratch.path().join(INCLUDE))?;
    let text = toml::to_string(&release).map_err(Error::bad_pins)?;
    let record = scratch.path().join(RECORD);
    fs::write(&record, text).map_err(|source| Error::cache(&record, source))?;
    scratch.publish(&dir, &|| recorded(&dir).is_some())?;
    Ok(release)
}

/// What `dir` was recorded to hold, when it still does.
fn recorded(dir: &Path) -> Option<Release> {
    let record = fs::read_to_string(dir.join(RECORD)).ok()?;
    let release = toml::from_str::<Release>(&record).ok()?;
    hashes(&dir.join(INCLUDE)).is_ok_and(|found| found == release.headers).then_some(release)
}

/// The headers of a package in a scratch directory.
pub(crate) fn unpack_headers(deb: &Path, cache: &Path) -> Result<Scratch, Error> {
    let scratch = Scratch::dir(cache)?;
    let wanted = |path: &str| path.strip_prefix(INCLUDE).is_some_and(is_abi_header);
    if unpack(deb, scratch.path(), &wanted)?.is_empty() {
        return Err(Error::bad_package(deb, format!("it holds no headers in {INCLUDE}")));
    }
    Ok(scratch)
}
