//! Trees out of git repositories, read with the git program and without a checkout.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use debian_packages::{Options, Scratch};

use crate::listing::{MAX_HEADER_BYTES, MAX_HEADERS, hashes, is_abi_header};
use crate::repository::{Blob, Repository};
use crate::tree::root_among;
use crate::versions::MAKEFILE;
use crate::{Error, HeaderTree, Origin, Pins, pins};

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
        let tree = copy(&repository, rev, &wanted, &top).and_then(|()| {
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

/// Writes files of the repository below `to`, under their own paths.
fn copy(repository: &Repository, rev: &str, blobs: &[&Blob], to: &Path) -> Result<(), Error> {
    let place = |blob: &Blob| PathBuf::from(format!("{rev}:{}", blob.path));
    // The bounds that the copy is checked against, before it is made.
    if blobs.len() > MAX_HEADERS + 1 {
        return Err(Error::hostile(&place(blobs[0]), "is one of more headers than any tree has"));
    }
    if let Some(blob) = blobs.iter().find(|blob| !blob.is_regular) {
        return Err(Error::hostile(&place(blob), "is not a regular file"));
    }
    let mut contents = repository.contents()?;
    for blob in blobs {
        let path = to.join(&blob.path);
        let Some(bytes) = contents.read(blob, MAX_HEADER_BYTES)? else {
            return Err(Error::hostile(&place(blob), "is larger than any header (1 MiB)"));
        };
        let parent = path.parent().unwrap_or(to);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, bytes))
            .map_err(|source| debian_packages::Error::cache(&path, source))?;
    }
    Ok(())
}
