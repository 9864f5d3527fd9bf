//! Trees out of git repositories, read with the git program and without a checkout.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use debian_packages::{Options, Scratch};

use crate::listing::{MAX_HEADER_BYTES, MAX_HEADERS, hashes, is_abi_header};
use crate::repository::{Blob, Repository};
use crate::tree::root_among;
use crate::versions::MAKEFILE;
use crate::{Error, HeaderTree, Origin, Pins, pins};

/// The most bytes of a file of a source tree: many times what the largest of Xen's has.
const MAX_SOURCE_BYTES: u64 = 16 << 20;

impl HeaderTree {
    /// Takes the tree that the git repository `dir` has at the revision `rev`: a branch, a tag, a
    /// commit, or what else git takes for one.
    ///
    /// The repository may be bare or shallow. `dir` may also be a directory of a checkout: what it
    /// was at `rev` is read then. The program `git` reads the files, without filters or hooks of the
    /// repository's and without fetching what is not there. They are copied to the cache of `options`,
    /// for as long as the result or a clone of it lives.
    ///
    /// # Errors
    ///
    /// - [`Error::NoGit`] when the program `git` cannot be run.
    /// - [`Error::NotARepository`] and [`Error::NoRevision`].
    /// - [`Error::NoHeadersAt`] when there are no headers of Xen's at `rev`.
    /// - [`Error::Git`] when git fails otherwise: a file is not in the repository, or damaged.
    /// - Those of [`HeaderTree::open`], with the revision's name in place of the directory's.
    pub fn from_git(dir: &Path, rev: &str, options: &Options<'_>) -> Result<Self, Error> {
        Self::from_git_among(pins(), dir, rev, options)
    }

    /// As [`HeaderTree::from_git`], with `pins` in place of the crate's own.
    ///
    /// # Errors
    ///
    /// As [`HeaderTree::from_git`].
    pub fn from_git_among(
        pins: &Pins,
        dir: &Path,
        rev: &str,
        options: &Options<'_>,
    ) -> Result<Self, Error> {
        let repository = Repository::open(dir)?;
        let commit = repository.commit(rev)?;
        let blobs = repository.blobs(&commit)?;
        let prefix = repository.prefix();
        let place = root_among(|name| blobs.contains_key(&format!("{prefix}{name}")))
            .ok_or_else(|| Error::NoHeadersAt { dir: dir.to_owned(), rev: rev.to_owned() })?;
        let root = format!("{prefix}{place}");
        let makefile = makefile_of(&root);
        let is_wanted = |path: &str| match Path::new(path).strip_prefix(&root) {
            Ok(name) => name.to_str().is_some_and(is_abi_header),
            Err(_) => makefile.as_ref().is_some_and(|makefile| Path::new(path) == makefile),
        };
        let wanted: Vec<&Blob> = blobs.values().filter(|blob| is_wanted(&blob.path)).collect();

        let scratch = Scratch::dir(&options.cache)?;
        let origin = Origin::Git { dir: dir.to_owned(), rev: rev.to_owned(), commit };
        // Two levels below the cache at least: a Makefile is looked for two levels above the headers.
        let top = scratch.path().join("tree");
        let place = |blob: &Blob| PathBuf::from(format!("{rev}:{}", blob.path));
        // The bounds that the copy is checked against, before it is made.
        if wanted.len() > MAX_HEADERS + 1 {
            let what = "is one of more headers than any tree has";
            return Err(Error::hostile(&place(wanted[0]), what));
        }
        if let Some(blob) = wanted.iter().find(|blob| !blob.is_regular()) {
            return Err(Error::hostile(&place(blob), "is not a regular file"));
        }
        let limit = Limit { bytes: MAX_HEADER_BYTES, what: "is larger than any header (1 MiB)" };
        let tree = copy(&repository, rev, &wanted, limit, &top).and_then(|()| {
            let root = top.join(&root);
            let hashes = hashes(&root)?;
            Self::identify(pins, root, &hashes, origin)
        });
        match tree {
            Ok(tree) => Ok(Self { _held: Some(Arc::new(scratch)), ..tree }),
            // The copy is gone when the message is read.
            Err(error) => Err(error.relocated(&top, rev)),
        }
    }
}

/// Where the Makefile that names the release lies, beside headers in `root`.
fn makefile_of(root: &str) -> Option<PathBuf> {
    Some(Path::new(root).parent()?.parent()?.join(MAKEFILE))
}

/// Writes what the git repository `dir` has at the revision `rev` to the directory `to`: the files that are, or lie
/// below, one of `paths`. Returns the id of the commit.
///
/// The repository is read as by [`HeaderTree::from_git`]: without a checkout, filters or hooks. Links and
/// repositories in it are left out. Which files can be executed is kept.
///
/// # Errors
///
/// [`Error::NoGit`], [`Error::NotARepository`], [`Error::NoRevision`] and [`Error::Git`] as for
/// [`HeaderTree::from_git`]; [`Error::Hostile`] for a file of more than 16 MiB, and [`Error::Package`] when `to` cannot
/// be written.
pub fn export(dir: &Path, rev: &str, paths: &[&str], to: &Path) -> Result<String, Error> {
    let repository = Repository::open(dir)?;
    let commit = repository.commit(rev)?;
    let blobs = repository.blobs(&commit)?;
    let is_wanted = |blob: &&Blob| {
        blob.is_regular() && paths.iter().any(|path| Path::new(&blob.path).starts_with(path))
    };
    let wanted: Vec<&Blob> = blobs.values().filter(is_wanted).collect();
    let limit = Limit { bytes: MAX_SOURCE_BYTES, what: "is larger than any source file (16 MiB)" };
    copy(&repository, rev, &wanted, limit, to)?;
    Ok(commit)
}

/// The most bytes that a file may have, and what is said about one that has more.
struct Limit {
    bytes: u64,
    what: &'static str,
}

/// Writes files of the repository below `to`, under their own paths.
fn copy(
    repository: &Repository,
    rev: &str,
    blobs: &[&Blob],
    limit: Limit,
    to: &Path,
) -> Result<(), Error> {
    let mut contents = repository.contents()?;
    for blob in blobs {
        let path = to.join(&blob.path);
        let Some(bytes) = contents.read(blob, limit.bytes)? else {
            let place = PathBuf::from(format!("{rev}:{}", blob.path));
            return Err(Error::hostile(&place, limit.what));
        };
        let parent = path.parent().unwrap_or(to);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, bytes))
            .and_then(|()| if blob.is_executable() { make_executable(&path) } else { Ok(()) })
            .map_err(|source| debian_packages::Error::cache(&path, source))?;
    }
    Ok(())
}

#[cfg(unix)]
fn make_executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

/// Elsewhere a file's mode does not say it.
#[cfg(not(unix))]
fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}
