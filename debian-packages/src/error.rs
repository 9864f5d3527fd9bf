//! What can go wrong, each as one line that names the thing and the way out.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use crate::text::{one_line, shown};
use crate::{Digest, MIRROR_VARIABLE};

/// Why a package, or a file of one, could not be obtained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A pin has a field that cannot be part of a path or an address.
    #[error("the pin of package {package:?} is malformed: a field is not a plain word")]
    BadPin {
        /// The package's name.
        package: String,
    },

    /// A file cannot be read.
    #[error("cannot read {}: {source}; check its permissions", shown(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },

    /// The cache of packages cannot be written or read.
    #[error(
        "cannot use the package cache at {}: {source}; \
         set CARGO_TARGET_DIR, or for xen-run XEN_RUN_CACHE, to a writable place",
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
         set {MIRROR_VARIABLE} to one"
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
         install one"
    )]
    NoDownloader {
        /// The address that was wanted.
        uri: String,
    },

    /// A download failed.
    #[error(
        "cannot fetch {uri}: {detail}; check the network, or set {MIRROR_VARIABLE} to a mirror \
         that can be reached"
    )]
    Download {
        /// The address that was wanted.
        uri: String,
        /// The downloader's reason.
        detail: String,
    },

    /// The package is not in the cache and the network may not be used.
    #[error(
        "{package} is not in the package cache {} and the network may not be used; \
         run once without the offline option",
        shown(cache)
    )]
    Offline {
        /// The package that was wanted.
        package: String,
        /// The cache.
        cache: PathBuf,
    },

    /// Which version of a package a suite has today is not known.
    #[error(
        "no {package} can be taken from {suite} on the mirror: {detail}; set {MIRROR_VARIABLE} to \
         a mirror or archive that has it"
    )]
    NoCurrent {
        /// The package's name.
        package: String,
        /// The suite.
        suite: String,
        /// Why.
        detail: String,
    },

    /// The pinned package has left the mirror and no current one could be taken instead.
    #[error("{package} has left the mirror, and {cause}")]
    PinGone {
        /// The package that was wanted.
        package: String,
        /// Why nothing was taken instead.
        cause: Box<Error>,
    },
}

impl Error {
    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    /// For `map_err`: a file or directory in the cache cannot be used.
    #[must_use]
    pub fn cache(path: &Path, source: io::Error) -> Self {
        Self::Cache { path: path.to_owned(), source }
    }

    /// A package does not hold what it should.
    #[must_use]
    pub fn bad_package(path: &Path, detail: impl Display) -> Self {
        Self::BadPackage { path: path.to_owned(), detail: one_line(&detail.to_string()) }
    }
}
