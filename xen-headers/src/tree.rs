//! A directory of Xen's public headers, and what is known about it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use debian_packages::text::{one_line, shown};
use debian_packages::{Digest, PackagePin, Scratch};

use crate::listing::hashes;
use crate::relation::relate;
use crate::versions::Announced;
use crate::{Differences, Error, Pins, Relation, Versions, Warning, pins};

/// Where a tree may lie below the directory that a user names: the directory itself; an upstream
/// checkout, its `xen` or `xen/include`; the root of an unpacked package, its `usr`, an include
/// directory; the copies in Linux and U-Boot, FreeBSD, Zephyr, Unikraft and EDK II. Linux's come first: it
/// has headers of its own in `include/xen`.
const PLACES: [&str; 13] = [
    "",
    "include/xen/interface",
    "xen/include/public",
    "include/public",
    "public",
    "usr/include/xen",
    "include/xen",
    "xen",
    "sys/contrib/xen",
    "include/xen/public",
    "include/zephyr/xen/public",
    "plat/xen/include/xen",
    "OvmfPkg/Include/IndustryStandard/Xen",
];

/// Headers that tell a tree from any other directory with a `xen.h`; one is enough, because a tree need
/// not be complete.
const TELLING: [&str; 4] = ["xen-compat.h", "grant_table.h", "event_channel.h", "memory.h"];

/// Where a tree came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A directory that the user named.
    Directory,
    /// A distribution's package, unpacked in the cache.
    Package(PackagePin),
    /// A revision in a git repository.
    Git {
        /// The repository, as the user named it.
        dir: PathBuf,
        /// The revision, as the user named it.
        rev: String,
        /// The commit that it is.
        commit: String,
    },
    /// Upstream's archive of a release's source.
    Tarball {
        /// The archive.
        file: PathBuf,
        /// What is in it, to the byte.
        sha256: Digest,
    },
}

impl Origin {
    /// Where headers in `root` are for the user.
    pub(crate) fn place(&self, root: &Path) -> String {
        match self {
            Self::Directory | Self::Package(_) => shown(root),
            Self::Git { dir, rev, .. } => format!("{} of {}", one_line(rev), shown(dir)),
            Self::Tarball { file, .. } => shown(file),
        }
    }
}

/// A directory of Xen's public headers, identified.
///
/// It need not be complete: copies in other projects hold the headers that these use. A warning names
/// what is absent.
#[derive(Clone, Debug)]
pub struct HeaderTree {
    /// The directory that holds `xen.h`.
    pub root: PathBuf,
    /// What to call it: `4.20` for a pinned release, else for example `4.23-unstable`.
    pub label: String,
    /// The pinned release whose headers these are, to the byte.
    pub release: Option<String>,
    /// Every header of the ABI, relative to `root`, sorted.
    pub headers: Vec<String>,
    /// The version numbers in the headers.
    pub versions: Versions,
    /// Where the tree came from.
    pub origin: Origin,
    /// What the user must be told.
    pub warnings: Vec<Warning>,
    /// A copy that is removed with the tree.
    pub(crate) _held: Option<Arc<Scratch>>,
}

impl HeaderTree {
    /// What to call the tree beside another one: its label, and for a git revision that too.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.origin {
            Origin::Git { rev, commit, .. } => {
                let short = commit.get(..12).unwrap_or(commit);
                format!("{} ({}, commit {short})", one_line(rev), self.label)
            }
            _ => self.label.clone(),
        }
    }

    /// Takes the tree in `dir`: an upstream checkout, its `xen/include/public`, or an installed
    /// `usr/include/xen`.
    ///
    /// # Errors
    ///
    /// One that names the directory or file: not a tree, not safe to read, or not readable.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        Self::open_among(pins(), dir)
    }

    /// As [`HeaderTree::open`], with `pins` in place of the crate's own.
    ///
    /// # Errors
    ///
    /// As [`HeaderTree::open`].
    pub fn open_among(pins: &Pins, dir: &Path) -> Result<Self, Error> {
        let root = root_of(dir).ok_or_else(|| Error::NotATree { dir: dir.to_owned() })?;
        let hashes = hashes(&root)?;
        Self::identify(pins, root, &hashes, Origin::Directory)
    }

    /// Says what the headers in `root` are.
    pub(crate) fn identify(
        pins: &Pins,
        root: PathBuf,
        hashes: &BTreeMap<String, Digest>,
        origin: Origin,
    ) -> Result<Self, Error> {
        let versions = Versions::read(&root, |header| hashes.contains_key(header))?;
        let mut tree = Self {
            label: String::new(),
            release: None,
            headers: hashes.keys().cloned().collect(),
            versions,
            origin,
            warnings: Vec::new(),
            _held: None,
            root,
        };
        if let Some(known) = pins.known().find(|known| known.headers() == hashes) {
            tree.label = known.name().to_owned();
            tree.release = Some(known.name().to_owned());
            return Ok(tree);
        }
        let announced = Announced::read(&tree.root);
        let (relation, baseline) = relate(pins, hashes, &versions, announced.as_ref());
        tree.label = match (&announced, &tree.origin, &relation) {
            (Some(announced), _, _) => announced.to_string(),
            (None, Origin::Package(package), _) => upstream_version(&package.version).to_owned(),
            (None, _, Relation::Altered(name)) => format!("{name}-altered"),
            (None, _, Relation::Newer(name)) => format!("newer-than-{name}"),
            (None, _, Relation::Older(name)) => format!("older-than-{name}"),
            (None, _, Relation::Between) => format!("near-{}", baseline.name()),
            (None, _, Relation::Partial(name)) => format!("part-near-{name}"),
        };
        tree.warnings.push(Warning::NotPinned {
            place: tree.origin.place(&tree.root),
            relation,
            baseline: baseline.name().to_owned(),
            differences: Differences::between(hashes, baseline.headers()),
        });
        Ok(tree)
    }
}

/// The directory that holds `xen.h`, when `dir` is one of the places that a user may name.
fn root_of(dir: &Path) -> Option<PathBuf> {
    let place = root_among(|name| dir.join(name).is_file())?;
    // Joining nothing would leave a trailing slash in every message.
    Some(if place.is_empty() { dir.to_owned() } else { dir.join(place) })
}

/// The place of a tree below a directory whose files are those that `has` knows.
pub(crate) fn root_among(has: impl Fn(&str) -> bool) -> Option<&'static str> {
    PLACES.into_iter().find(|place| {
        let at = |name: &str| match *place {
            "" => has(name),
            place => has(&format!("{place}/{name}")),
        };
        at("xen.h") && TELLING.into_iter().any(at)
    })
}

/// "4.20.3" of "4.20.3+127-gc42374a105-0+deb13u1".
pub(crate) fn upstream_version(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version.split(['+', '-', '~']).next().unwrap_or(version)
}
