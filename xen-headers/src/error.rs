//! What can go wrong, each as one line that names the thing and the way out.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use debian_packages::text::{one_line, shown};

use crate::Differences;
use crate::text::did_you_mean;
use crate::upstream::{GIT_VARIABLE, TARBALLS_VARIABLE};

/// Why a header tree could not be obtained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The named release is not pinned.
    #[error(
        "unknown release {name:?}{}; known are {}; for another one name its tree with --headers DIR \
         or --git DIR --rev REV",
        did_you_mean(nearest.as_deref()),
        known.join(", ")
    )]
    UnknownRelease {
        /// The name that was given.
        name: String,
        /// The known release most like it, when one is.
        nearest: Option<String>,
        /// All known releases.
        known: Vec<String>,
    },

    /// A list of pins is malformed.
    #[error("the pins of headers are malformed: {detail}; write the entry with the example repin")]
    BadPins {
        /// What is wrong, and where.
        detail: String,
    },

    /// A named directory does not hold Xen's public headers.
    #[error(
        "{} is not a Xen header tree: no xen.h among other headers in it; \
         name an upstream checkout, its xen/include/public, or usr/include/xen",
        shown(dir)
    )]
    NotATree {
        /// The directory that was named.
        dir: PathBuf,
    },

    /// A tree holds something that no header tree does and that is not safe to read.
    #[error("{} {what}; remove it or name another tree with --headers DIR", shown(path))]
    Hostile {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },

    /// No source for the headers of a release of upstream's.
    #[error(
        "the headers of Xen {name} are in no Debian package; name a clone of upstream's repository with \
         {GIT_VARIABLE}=DIR, a directory with {} with {TARBALLS_VARIABLE}=DIR, or a tree with --headers DIR",
        tarball
    )]
    NoSource {
        /// The release.
        name: String,
        /// Its archive.
        tarball: String,
    },

    /// Headers that should be those of a release are not.
    #[error(
        "{place} does not have the headers of Xen {name}: {differences}; get it from upstream again, \
         or read it as it is with --headers or --git"
    )]
    NotAsPinned {
        /// The release.
        name: String,
        /// Where the headers come from.
        place: String,
        /// Every header that is not as pinned.
        differences: Differences,
    },

    /// A file or directory of a tree cannot be read.
    #[error(
        "cannot read {}: {source}; check its permissions or name another tree with --headers DIR",
        shown(path)
    )]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },

    /// The program that reads git repositories cannot be run.
    #[error(
        "cannot run git: {source}; install it (Debian: apt-get install git) or name a checkout \
         with --headers DIR"
    )]
    NoGit {
        /// The system's reason.
        source: io::Error,
    },

    /// A named directory is not in a git repository.
    #[error(
        "{} is no git repository: {detail}; name a checkout or a bare repository with --git DIR, \
         or a tree without git with --headers DIR",
        shown(dir)
    )]
    NotARepository {
        /// The directory that was named.
        dir: PathBuf,
        /// What git says.
        detail: String,
    },

    /// A git repository does not have a revision.
    #[error(
        "the git repository {} has no revision {rev:?}{}; {}",
        shown(dir),
        did_you_mean(nearest.as_deref()),
        if *is_shallow {
            "it is shallow, so deepen it (git fetch --unshallow) or name one that it has"
        } else {
            "fetch it, or name a branch, a tag or a commit that it has with --rev"
        }
    )]
    NoRevision {
        /// The repository.
        dir: PathBuf,
        /// The revision that was named.
        rev: String,
        /// The branch or tag most like it, when one is.
        nearest: Option<String>,
        /// Whether the repository has the newest commits only.
        is_shallow: bool,
    },

    /// A revision holds no headers of Xen's.
    #[error(
        "{rev:?} of the git repository {} has no Xen header tree: no xen.h among other headers in \
         xen/include/public; name another revision with --rev or another directory with --git",
        shown(dir)
    )]
    NoHeadersAt {
        /// The repository.
        dir: PathBuf,
        /// The revision.
        rev: String,
    },

    /// Git failed on a repository.
    #[error(
        "git cannot read {}: {detail}; check the repository (git fsck) or name a tree \
         with --headers DIR",
        shown(dir)
    )]
    Git {
        /// The repository.
        dir: PathBuf,
        /// What is wrong.
        detail: String,
    },

    /// A package could not be fetched, or is not what it should be.
    #[error("{0}; or name a tree with --headers DIR")]
    Package(#[from] debian_packages::Error),
}

impl Error {
    pub(crate) fn bad_pins(detail: impl Display) -> Self {
        Self::BadPins { detail: one_line(&detail.to_string()) }
    }

    pub(crate) fn hostile(path: &Path, what: &'static str) -> Self {
        Self::Hostile { path: path.to_owned(), what }
    }

    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    /// The error, where files in `copy` are files of the revision `rev`.
    pub(crate) fn relocated(mut self, copy: &Path, rev: &str) -> Self {
        if let Self::Hostile { path, .. } | Self::Read { path, .. } = &mut self {
            if let Ok(rest) = path.strip_prefix(copy) {
                *path = PathBuf::from(format!("{rev}:{}", rest.display()));
            }
        }
        self
    }
}
