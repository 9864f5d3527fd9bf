//! How a tree stands to the known releases.

use std::collections::BTreeMap;
use std::fmt;

use debian_packages::Digest;

use crate::versions::Announced;
use crate::{Pins, Release, Versions};

/// The place of a tree that is not pinned among the releases that are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It says it is this release, but its text is another.
    Altered(String),
    /// It is newer than the newest known release.
    Newer(String),
    /// It is older than the oldest known release.
    Older(String),
    /// It is between known releases.
    Between,
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered(name) => {
                write!(f, "carry the version numbers of {name} but differ from its pinned ones")
            }
            Self::Newer(name) => write!(f, "are newer than {name}, the newest pinned release"),
            Self::Older(name) => write!(f, "are older than {name}, the oldest pinned release"),
            Self::Between => f.write_str("are of a release between pinned ones"),
        }
    }
}

/// The files in which a tree differs from a release, by path relative to the tree, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// In both, with another content.
    pub changed: Vec<String>,
    /// Only in the release.
    pub missing: Vec<String>,
    /// Only in the tree.
    pub extra: Vec<String>,
}

impl Differences {
    pub(crate) fn between(
        tree: &BTreeMap<String, Digest>,
        release: &BTreeMap<String, Digest>,
    ) -> Self {
        let mut differences = Self::default();
        for (name, digest) in release {
            match tree.get(name) {
                None => differences.missing.push(name.clone()),
                Some(found) if found != digest => differences.changed.push(name.clone()),
                Some(_) => {}
            }
        }
        let extra = tree.keys().filter(|name| !release.contains_key(*name));
        differences.extra.extend(extra.cloned());
        differences
    }

    /// Whether there is no difference.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> usize {
        self.changed.len() + self.missing.len() + self.extra.len()
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (what, names) in
            [("changed", &self.changed), ("missing", &self.missing), ("extra", &self.extra)]
        {
            if !names.is_empty() {
                write!(f, "{separator}{what}: {}", names.join(", "))?;
                separator = "; ";
            }
        }
        Ok(())
    }
}

/// Says where a tree stands, and which release to compare it with.
///
/// What a checkout announces counts for more than the numbers in its headers, because several
/// releases share the same numbers.
pub(crate) fn relate<'a>(
    pins: &'a Pins,
    hashes: &BTreeMap<String, Digest>,
    versions: &Versions,
    announced: Option<&Announced>,
) -> (Relation, &'a Release) {
    let (oldest, newest) = (pins.oldest(), pins.default_release());
    let number = announced.map(|found| (found.major, found.minor));
    let same = |release: &&Release| match number {
        Some(number) => release.number() == Some(number),
        None => release.versions == *versions,
    };
    let distance = |release: &&Release| Differences::between(hashes, &release.headers).len();
    if let Some(release) = pins.releases().iter().filter(same).min_by_key(distance) {
        return (Relation::Altered(release.name.clone()), release);
    }
    let (newer, older) = match number {
        Some(number) => (Some(number) > newest.number(), Some(number) < oldest.number()),
        None => (versions.exceeds(&newest.versions), oldest.versions.exceeds(versions)),
    };
    if newer {
        (Relation::Newer(newest.name.clone()), newest)
    } else if older {
        (Relation::Older(oldest.name.clone()), oldest)
    } else {
        (Relation::Between, pins.releases().iter().min_by_key(distance).unwrap_or(newest))
    }
}
