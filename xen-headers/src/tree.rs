//! A directory of Xen's public headers, and what is known about it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use debian_packages::{Digest, PackagePin};

use crate::listing::hashes;
use crate::relation::relate;
use crate::versions::Announced;
use crate::{Differences, Error, Pins, Relation, Versions, Warning, pins};

/// Where a tree may lie below the directory that a user names: the directory itself, an upstream
/// checkout, its `xen`, the root of an unpacked package, its `usr`, an include directory.
const PLACES: [&str; 6] =
    ["", "xen/include/public", "include/public", "usr/include/xen", "include/xen", "xen"];

/// Headers that tell a tree from any other directory with a `xen.h`; one is enough, because what
/// lacks others is a tree that is not complete.
const TELLING: [&str; 4] = ["xen-compat.h", "grant_table.h", "event_channel.h", "memory.h"];

/// Where a tree came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A directory that the user named.
    Directory,
    /// A distribution's package, unpacked in the cache.
    Package(PackagePin),
}

/// A directory of Xen's public headers, complete and identified.
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
}

impl HeaderTree {
    /// Takes the tree in `dir`: an upstream checkout, its `xen/include/public`, or an installed
    /// `usr/include/xen`.
    ///
    /// # Errors
    ///
    /// One that names the directory or file: not a tree, not complete, or not readable.
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
        check_complete(pins, &root, hashes)?;
        let versions = Versions::read(&root)?;
        let mut tree = Self {
            label: String::new(),
            release: None,
            headers: hashes.keys().cloned().collect(),
            versions,
            origin,
            warnings: Vec::new(),
            root,
        };
        if let Some(release) = pins.releases().iter().find(|release| release.headers == *hashes) {
            tree.label.clone_from(&release.name);
            tree.release = Some(release.name.clone());
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
            (None, _, Relation::Between) => format!("near-{}", baseline.name),
        };
        tree.warnings.push(Warning::NotPinned {
            root: tree.root.clone(),
            relation,
            baseline: baseline.name.clone(),
            differences: Differences::between(hashes, &baseline.headers),
        });
        Ok(tree)
    }
}

/// The directory that holds `xen.h`, when `dir` is one of the places that a user may name.
fn root_of(dir: &Path) -> Option<PathBuf> {
    let candidates = PLACES.iter().map(|place| match *place {
        // Joining nothing would leave a trailing slash in every message.
        "" => dir.to_owned(),
        place => dir.join(place),
    });
    candidates.into_iter().find(|root| {
        root.join("xen.h").is_file() && TELLING.iter().any(|name| root.join(name).is_file())
    })
}

fn check_complete(
    pins: &Pins,
    root: &Path,
    hashes: &BTreeMap<String, Digest>,
) -> Result<(), Error> {
    let absent = pins.required().filter(|name| !hashes.contains_key(*name));
    let missing: Vec<String> = absent.map(str::to_owned).collect();
    if missing.is_empty() {
        return Ok(());
    }
    // What is older than every known release may never have had them.
    let oldest = pins.oldest();
    let announced = Announced::read(root).map(|found| (found.major, found.minor));
    let older = match announced {
        Some(number) => Some(number) < oldest.number(),
        None => Versions::read(root).is_ok_and(|versions| oldest.versions.exceeds(&versions)),
    };
    if older { Ok(()) } else { Err(Error::MissingHeaders { root: root.to_owned(), missing }) }
}

/// "4.20.3" of "4.20.3+127-gc42374a105-0+deb13u1".
pub(crate) fn upstream_version(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version.split(['+', '-', '~']).next().unwrap_or(version)
}
