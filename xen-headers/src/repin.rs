//! Fresh entries for `pins.toml`, for whoever adds a release or follows a package's update.

use std::path::Path;

use crate::listing::hashes;
use crate::mirror::mirrors;
use crate::obtain::{INCLUDE, unpack_headers};
use crate::{Digest, Error, Fetched, Options, PackagePin, Release, Versions, deb, fetch, suite};

/// The pin of `release` from a package file that was fetched from `suite` by other means.
///
/// # Errors
///
/// [`Error::BadPackage`] when the file is no package of headers.
pub fn repin(release: &str, suite: &str, deb: &Path, cache: &Path) -> Result<Release, Error> {
    let package = describe(suite, deb)?;
    let scratch = unpack_headers(deb, cache)?;
    pin(release, package, &scratch.path().join(INCLUDE))
}

/// The pin of `release` from the package that `suite` has today on the machine's Debian mirror.
///
/// # Errors
///
/// Those of [`fetch()`].
pub fn repin_current(release: &str, suite: &str, options: &Options<'_>) -> Result<Release, Error> {
    let model = PackagePin { suite: suite.to_owned(), ..wanted() };
    let mirrors = mirrors(&model, options)?;
    let base = mirrors.first().ok_or_else(|| Error::NoMirror { package: model.name.clone() })?;
    let found = suite::current(&model, base, &options.cache)?;
    let Fetched { deb, package, .. } = fetch(&found, options)?;
    let scratch = unpack_headers(&deb, &options.cache)?;
    pin(release, package, &scratch.path().join(INCLUDE))
}

/// The package that carries the headers, before anything is known about it.
fn wanted() -> PackagePin {
    PackagePin {
        name: "libxen-dev".to_owned(),
        meta: None,
        arch: "amd64".to_owned(),
        suite: String::new(),
        version: "any".to_owned(),
        pool: String::new(),
        size: 0,
        sha256: Digest::of(&[]),
    }
}

/// Describes the headers in `root`, which came from `package`.
pub(crate) fn pin(release: &str, package: PackagePin, root: &Path) -> Result<Release, Error> {
    Ok(Release {
        name: release.to_owned(),
        versions: Versions::read(root)?,
        package,
        headers: hashes(root)?,
    })
}

/// Describes a package file by its own control fields.
fn describe(suite: &str, deb: &Path) -> Result<PackagePin, Error> {
    let control = deb::control(deb)?;
    let field = |name: &str| {
        let value = control.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.map(|text| text.trim().to_owned())
    };
    let needed = |name| field(name).ok_or_else(|| Error::bad_package(deb, format!("no {name}")));
    let (name, arch, version) = (needed("Package")?, needed("Architecture")?, needed("Version")?);
    // "Source: xen (4.17.5-1)"; absent when it is the package's own name.
    let source = field("Source").unwrap_or_else(|| name.clone());
    let source = source.split_whitespace().next().unwrap_or(&name);
    let letters = if source.starts_with("lib") { 4 } else { 1 };
    let shelf: String = source.chars().take(letters).collect();
    let plain = version.split_once(':').map_or(version.as_str(), |(_, rest)| rest);
    let pool = format!("pool/main/{shelf}/{source}/{name}_{plain}_{arch}.deb");
    let (sha256, size) = Digest::of_file(deb).map_err(|source| Error::read(deb, source))?;
    let suite = suite.to_owned();
    Ok(PackagePin { name, meta: None, arch, suite, version, pool, size, sha256 })
}
