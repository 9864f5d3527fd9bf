//! What the user of a tree must be told, each as one line.

use std::fmt;
use std::path::PathBuf;

use crate::text::shown;
use crate::{Differences, Relation};

/// Something about a tree or package that is not as pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The pinned package has left the mirror, and another version was taken.
    PinGone {
        /// The package's name.
        package: String,
        /// The suite that it was sought in.
        suite: String,
        /// The pinned version.
        pinned: String,
        /// The version that was taken.
        taken: String,
        /// The file that remembers this; without it the pinned version is sought again.
        note: PathBuf,
    },
    /// The headers are not those of a pinned release.
    NotPinned {
        /// The directory that holds `xen.h`.
        root: PathBuf,
        /// How the tree stands to the known releases.
        relation: Relation,
        /// The release it was compared with.
        baseline: String,
        /// Every file that is not as in that release.
        differences: Differences,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PinGone { package, suite, pinned, taken, note } => write!(
                f,
                "{package} {pinned} has left the mirror; took {suite}'s current {taken} instead: \
                 pin it in pins.toml, or delete {} to look for the pinned one again",
                shown(note)
            ),
            Self::NotPinned { root, relation, baseline, differences } => write!(
                f,
                "the headers in {} {relation}; against {baseline}, comments included, \
                 {differences}; only the layout proofs vouch for them",
                shown(root)
            ),
        }
    }
}
