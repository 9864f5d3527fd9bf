//! What the user of a tree must be told, each as one line.

use std::fmt;

use debian_packages::Replaced;

use crate::{Differences, Relation};

/// Something about a tree or package that is not as pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The pinned package has left the mirror, and another version was taken.
    Replaced(Replaced),
    /// The headers are not those of a pinned release.
    NotPinned {
        /// The directory that holds `xen.h`, or the revision.
        place: String,
        /// How the tree stands to the known releases.
        relation: Relation,
        /// The release it was compared with.
        baseline: String,
        /// Every file that is not as in that release.
        differences: Differences,
    },
}

impl From<Replaced> for Warning {
    fn from(replaced: Replaced) -> Self {
        Self::Replaced(replaced)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replaced(replaced) => replaced.fmt(f),
            Self::NotPinned { place, relation, baseline, differences } => write!(
                f,
                "the headers in {place} {relation}; against {baseline}, comments included, \
                 {differences}; only the layout proofs vouch for them"
            ),
        }
    }
}
