//! Fresh entries for `pins.toml`.

use std::path::Path;

use debian_packages::{Options, PackagePin, fetch};

use crate::package::{INCLUDE, describe, unpack_headers};
use crate::{Error, Release};

/// The pin of `release` from a package file that was fetched from `suite` by other means.
///
/// # Errors
///
/// [`debian_packages::Error::BadPackage`] when the file is no package of headers.
pub fn repin(release: &str, suite: &str, deb: &Path, cache: &Path) -> Result<Release, Error> {
    let package = PackagePin::of_file(suite, deb)?;
    let scratch = unpack_headers(deb, cache)?;
    describe(release, package, &scratch.path().join(INCLUDE))
}

/// The pin of `release` from the package that `suite` has today on the machine's Debian mirror.
///
/// # Errors
///
/// Those of [`PackagePin::current`] and [`fetch()`].
pub fn repin_current(release: &str, suite: &str, options: &Options<'_>) -> Result<Release, Error> {
    let current = PackagePin::named("libxen-dev", "amd64", suite).current(options)?;
    let fetched = fetch(&current, options)?;
    let scratch = unpack_headers(&fetched.file, &options.cache)?;
    describe(release, fetched.package, &scratch.path().join(INCLUDE))
}
