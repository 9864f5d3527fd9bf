//! How a tree stands to the known releases.

use std::collections::BTreeMap;
use std::fmt;

use debian_packages::Digest;

use crate::pins::Known;
use crate::versions::Announced;
use crate::{Pins, Versions};

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
    /// It lacks the headers that would tell; this release is nearest.
    Partial(String),
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered(name) => {
                write!(f, "carry the version numbers of {name} but differ from its pinned ones")
            }
            Self::Newer(name) => write!(f, "are newer than {name}, the newest pinned release"),
            Self::Older(name) => write!(f, "are older than {name}, the oldest pinned release"),
            Self::Partial(name) => {
                write!(f, "are part of a tree, and do not say of which release; {name} is nearest")
            }
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
) -> (Relation, Known<'a>) {
    let distance = |known: &Known<'_>| Differences::between(hashes, known.headers()).len();
    let series = announced.map(|found| (found.major, found.minor));
    let same = |known: &Known<'_>| match series {
        Some(series) => known.series() == Some(series),
        None => known.versions() == versions,
    };
    if let Some(known) = pins.known().filter(same).min_by_key(distance) {
        return (Relation::Altered(known.name().to_owned()), known);
    }
    let default = Known::Package(pins.default_release());
    if series.is_none() && !versions.are_all_there() {
        let nearest = pins.known().min_by_key(distance).unwrap_or(default);
        return (Relation::Partial(nearest.name().to_owned()), nearest);
    }
    let oldest = pins.known().min_by_key(|known| known.series()).unwrap_or(default);
    let newest = pins.known().max_by_key(|known| known.series()).unwrap_or(default);
    let (newer, older) = match series {
        Some(series) => (Some(series) > newest.series(), Some(series) < oldest.series()),
        None => (versions.exceeds(newest.versions()), oldest.versions().exceeds(versions)),
    };
    if newer {
        (Relation::Newer(newest.name().to_owned()), newest)
    } else if older {
        (Relation::Older(oldest.name().to_owned()), oldest)
    } else {
        (Relation::Between, pins.known().min_by_key(distance).unwrap_or(newest))
    }
}
