//! Trees out of upstream's archives of source.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use debian_packages::text::shown;
use debian_packages::{Digest, Options, Scratch, unpack_tarball};

use crate::listing::{MAX_HEADERS, hashes, is_abi_header};
use crate::versions::MAKEFILE;
use crate::{Error, HeaderTree, Origin, Pins, pins};

/// Where upstream's source has the headers.
const PUBLIC: &str = "xen/include/public";

impl HeaderTree {
    /// Takes the tree in upstream's archive of a release's source, such as `xen-4.20.4.tar.gz`: a tar
    /// archive of one directory, which may be compressed with gzip or xz.
    ///
    /// The headers are copied to the cache of `options`, for as long as the result or a clone of it
    /// lives.
    ///
    /// # Errors
    ///
    /// - [`Error::Read`] when the file cannot be read, [`Error::Package`] when it is no usable archive.
    /// - [`Error::NotATree`] when there are no headers of Xen's in it.
    /// - Those of [`HeaderTree::open`], with the archive's name in place of the directory's.
    pub fn from_tarball(file: &Path, options: &Options<'_>) -> Result<Self, Error> {
        Self::from_tarball_among(pins(), file, options)
    }

    /// As [`HeaderTree::from_tarball`], with `pins` in place of the crate's own.
    ///
    /// # Errors
    ///
    /// As [`HeaderTree::from_tarball`].
    pub fn from_tarball_among(
        pins: &Pins,
        file: &Path,
        options: &Options<'_>,
    ) -> Result<Self, Error> {
        let (sha256, _) = Digest::of_file(file).map_err(|source| Error::read(file, source))?;
        let scratch = Scratch::dir(&options.cache)?;
        // The tree is refused if there are more.
        let left = Cell::new(MAX_HEADERS + 2);
        let is_wanted = |path: &str| {
            let wanted = left.get() > 0 && is_wanted(path);
            left.set(left.get() - usize::from(wanted));
            wanted
        };
        let found = unpack_tarball(file, scratch.path(), &is_wanted)?;
        let mut tops: Vec<&str> = found.iter().filter_map(|path| path.split('/').next()).collect();
        tops.dedup();
        let [top] = tops[..] else { return Err(Error::NotATree { dir: file.to_owned() }) };
        if !found.contains(&format!("{top}/{PUBLIC}/xen.h")) {
            return Err(Error::NotATree { dir: file.to_owned() });
        }
        let origin = Origin::Tarball { file: file.to_owned(), sha256 };
        let inside = scratch.path().join(top);
        let root = inside.join(PUBLIC);
        let tree = hashes(&root).and_then(|hashes| Self::identify(pins, root, &hashes, origin));
        match tree {
            Ok(tree) => Ok(Self { _held: Some(Arc::new(scratch)), ..tree }),
            // The copy is gone when the message is read.
            Err(error) => Err(error.relocated(&inside, &shown(file))),
        }
    }
}

/// Whether a file of the archive is a header, or the file that names the release.
fn is_wanted(path: &str) -> bool {
    let Some((_, path)) = path.split_once('/') else { return false };
    let header = path.strip_prefix(PUBLIC).and_then(|rest| rest.strip_prefix('/'));
    header.is_some_and(is_abi_header) || path.strip_prefix("xen/") == Some(MAKEFILE)
}
