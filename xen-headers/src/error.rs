//! What can go wrong, each as one line that names the thing and the way out.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use crate::text::{did_you_mean, older, one_line, shown};
use crate::{Digest, MIRROR_VARIABLE, PackagePin};

/// Why a header tree or a package could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The named release is not pinned.
    #[error(
        "unknown release {name:?}{}; known are {}; for another one name its tree with --headers DIR",
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

    /// No hypervisor is pinned for that release and architecture.
    #[error("no hypervisor {wanted} is pinned; known are {}", known.join(", "))]
    UnknownHypervisor {
        /// The release and Debian architecture that were asked for.
        wanted: String,
        /// All pinned hypervisors, in the same form.
        known: Vec<String>,
    },

    /// No such files are pinned for that release and architecture.
    #[error("no {wanted} is pinned; known are {}", known.join(", "))]
    UnknownCollection {
        /// What was asked for, with the release and Debian architecture.
        wanted: String,
        /// All that are pinned, in the same form.
        known: Vec<String>,
    },

    /// A list of pins is malformed.
    #[error("pins.toml is malformed: {detail}; write the entry with the example repin")]
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

    /// A tree lacks headers that every known release has.
    #[error(
        "the Xen header tree {}{} lacks {}; restore the missing files or name a complete tree \
         with --headers DIR",
        shown(root),
        older(older_than.as_deref()),
        missing.join(", ")
    )]
    MissingHeaders {
        /// The directory that holds `xen.h`.
        root: PathBuf,
        /// The missing headers, relative to it.
        missing: Vec<String>,
        /// The oldest known release, when the tree is older still and so may be whole.
        older_than: Option<String>,
    },

    /// A header does not define the version number it should.
    #[error(
        "{} does not define {name} as a number; restore the file or name another tree \
         with --headers DIR",
        shown(path)
    )]
    NoVersion {
        /// The header.
        path: PathBuf,
        /// The macro that it should define.
        name: &'static str,
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

    /// The cache of packages and trees cannot be written or read.
    #[error(
        "cannot use the header cache at {}: {source}; \
         set CARGO_TARGET_DIR to a writable place or name a tree with --headers DIR",
        shown(path)
    )]
    Cache {
        /// The file or directory in the cache.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },

    /// A file is not a Debian package that can be unpacked.
    #[error("{} is not a usable package: {detail}; delete it and try again", shown(path))]
    BadPackage {
        /// The package file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },

    /// A downloaded file is not the one that was wanted.
    #[error(
        "{what} has SHA-256 {found}, expected {expected}; the mirror gave another file: \
         try again, or set {MIRROR_VARIABLE} to another Debian mirror"
    )]
    WrongDigest {
        /// The file's address.
        what: String,
        /// The digest that was wanted.
        expected: Digest,
        /// The digest that it has.
        found: Digest,
    },

    /// No Debian mirror is known on this machine.
    #[error(
        "no Debian mirror to fetch {package} from: apt's configuration names none; \
         set {MIRROR_VARIABLE} to one, or name a tree with --headers DIR"
    )]
    NoMirror {
        /// The package that was wanted.
        package: String,
    },

    /// A mirror's address cannot be used.
    #[error(
        "{mirror:?} is not the address of a mirror; set {MIRROR_VARIABLE} to an http, https or \
         file address whose directory pool/ holds the packages"
    )]
    BadMirror {
        /// The address that was given.
        mirror: String,
    },

    /// The machine has no program that can fetch a file.
    #[error(
        "nothing here can fetch {uri}: neither apt-helper (package apt) nor curl is installed; \
         install one, or name a tree with --headers DIR"
    )]
    NoDownloader {
        /// The address that was wanted.
        uri: String,
    },

    /// A download failed.
    #[error(
        "cannot fetch {uri}: {detail}; check the network, set {MIRROR_VARIABLE} to a mirror \
         that can be reached, or name a tree with --headers DIR"
    )]
    Download {
        /// The address that was wanted.
        uri: String,
        /// The downloader's reason.
        detail: String,
    },

    /// The package is not in the cache and the network may not be used.
    #[error(
        "{package} is not in the header cache {} and the network may not be used; \
         run once without the offline option, or name a tree with --headers DIR",
        shown(cache)
    )]
    Offline {
        /// The package that was wanted.
        package: String,
        /// The cache.
        cache: PathBuf,
    },

    /// It cannot be found out which version of a package a suite has today.
    #[error(
        "no {package} can be taken from {suite} on the mirror: {detail}; set {MIRROR_VARIABLE} to \
         a mirror or archive that has it, or name a tree with --headers DIR"
    )]
    NoCurrent {
        /// The package's name.
        package: String,
        /// The suite.
        suite: String,
        /// Why.
        detail: String,
    },

    /// The pinned package has left the mirror and no current one can be had instead.
    #[error("{package} has left the mirror, and {cause}")]
    PinGone {
        /// The package that was wanted.
        package: String,
        /// Why nothing was taken instead.
        cause: Box<Error>,
    },
}

impl Error {
    pub(crate) fn bad_pins(detail: impl Display) -> Self {
        Self::BadPins { detail: one_line(&detail.to_string()) }
    }

    pub(crate) fn no_current(package: &PackagePin, detail: impl Into<String>) -> Self {
        let PackagePin { name, suite, .. } = package;
        Self::NoCurrent { package: name.clone(), suite: suite.clone(), detail: detail.into() }
    }

    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    pub(crate) fn cache(path: &Path, source: io::Error) -> Self {
        Self::Cache { path: path.to_owned(), source }
    }

    pub(crate) fn bad_package(path: &Path, detail: impl Display) -> Self {
        Self::BadPackage { path: path.to_owned(), detail: one_line(&detail.to_string()) }
    }
}
