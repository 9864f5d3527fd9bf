//! Fresh entries for `pins.toml` and `points.toml`.

use std::collections::BTreeMap;
use std::path::Path;

use debian_packages::{Digest, Options, PackagePin, fetch};

use crate::listing::hashes;
use crate::package::{INCLUDE, describe, unpack_headers};
use crate::{Differences, Error, HeaderTree, Packaged, PointRelease, Release, pins};

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

/// What precedes the entries of `points.toml`.
const HEAD: &str = "\
# Upstream's releases whose headers are pinned, oldest first: the newest of each series, the first of
# it where its ABI is another, and those that a package of pins.toml has.
#
# Facts only: the SHA-256 of every public header. An entry says what differs from the one before it.
# The file is written by
#
#     cargo run -p xen-headers --example repin_points -- DIR [RELEASE...]
";

/// The text of `points.toml` for releases of upstream's, read from the clone `dir` of its repository.
///
/// # Errors
///
/// Those of [`HeaderTree::from_git`].
pub fn repin_points(dir: &Path, names: &[String], options: &Options<'_>) -> Result<String, Error> {
    let mut text = HEAD.to_owned();
    let mut before: Option<PointRelease> = None;
    for name in names {
        let tree = HeaderTree::from_git(dir, &format!("RELEASE-{name}"), options)?;
        let headers = hashes(&tree.root)?;
        let packaged = pins().releases().iter().find_map(|package| packaged(package, &headers));
        let release =
            PointRelease { name: name.clone(), versions: tree.versions, headers, packaged };
        text.push_str(&format!("\n{}", release.to_toml(before.as_ref())));
        before = Some(release);
    }
    Ok(text)
}

/// What is to be said about `package` when it has these headers, or some of them and no other.
fn packaged(package: &Release, headers: &BTreeMap<String, Digest>) -> Option<Packaged> {
    let differences = Differences::between(&package.headers, headers);
    let same = differences.changed.is_empty() && differences.extra.is_empty();
    // A package may leave out what its authors do not install, not half of the tree.
    (same && differences.missing.len() <= 2).then(|| Packaged {
        release: package.name.clone(),
        lacks: differences.missing.into_iter().collect(),
    })
}
