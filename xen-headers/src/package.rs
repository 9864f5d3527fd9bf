//! The headers in a package.

use std::path::Path;

use debian_packages::{PackagePin, Scratch, unpack};

use crate::listing::{hashes, is_abi_header};
use crate::{Error, Release, Versions};

/// Where a package holds the headers.
pub(crate) const INCLUDE: &str = "usr/include/xen/";

/// Unpacks the headers of the package file `deb` into a scratch directory.
pub(crate) fn unpack_headers(deb: &Path, cache: &Path) -> Result<Scratch, Error> {
    let scratch = Scratch::dir(cache)?;
    let wanted = |path: &str| path.strip_prefix(INCLUDE).is_some_and(is_abi_header);
    if unpack(deb, scratch.path(), &wanted)?.is_empty() {
        let detail = format!("it holds no headers in {INCLUDE}");
        return Err(debian_packages::Error::bad_package(deb, detail).into());
    }
    Ok(scratch)
}

/// Describes the headers in `root`, which came from `package`.
pub(crate) fn describe(release: &str, package: PackagePin, root: &Path) -> Result<Release, Error> {
    let headers = hashes(root)?;
    let versions = Versions::read(root, |header| headers.contains_key(header))?;
    Ok(Release { name: release.to_owned(), versions, package, headers })
}
