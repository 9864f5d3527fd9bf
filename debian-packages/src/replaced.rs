//! The note that a pinned package was not to be found.

use std::fmt;
use std::path::PathBuf;

use crate::text::shown;

/// Says that a pinned version has left the mirror, and which one was taken instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// The package's name.
    pub package: String,
    /// The suite that it was looked up in.
    pub suite: String,
    /// The pinned version.
    pub pinned: String,
    /// The version that was taken.
    pub taken: String,
    /// The file that records this. While it exists the pinned version is not looked up again.
    pub note: PathBuf,
}

impl fmt::Display for Replaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { package, suite, pinned, taken, note } = self;
        write!(
            f,
            "{package} {pinned} has left the mirror; took {suite}'s current {taken} instead: \
             pin that, or delete {} to look for the pinned one again",
            shown(note)
        )
    }
}
