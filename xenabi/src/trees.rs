//! Header trees, as far as the program can read any.

use std::path::Path;

use xen_records::Records;

use crate::error::Error;

/// Why a tree could not be read.
pub type TreeError = Box<dyn std::error::Error + Send + Sync>;

/// How header trees become records. The last argument names architectures; none is all that the tree has.
#[derive(Clone, Copy, Debug)]
pub struct Trees {
    /// The tree in a directory or archive.
    pub tree: fn(&Path, &[String]) -> Result<Records, TreeError>,
    /// A revision of a git repository.
    pub revision: fn(&Path, &str, &[String]) -> Result<Records, TreeError>,
}

/// Records of a tree of headers.
pub(crate) fn tree(trees: Option<Trees>, path: &Path, arches: &[String]) -> Result<Records, Error> {
    let trees = trees.ok_or(Error::NoTrees)?;
    (trees.tree)(path, arches).map_err(Error::Tree)
}

/// Records of what the repository `dir` has at `rev`.
pub(crate) fn revision(
    trees: Option<Trees>,
    dir: &Path,
    rev: &str,
    arches: &[String],
) -> Result<Records, Error> {
    let trees = trees.ok_or(Error::NoTrees)?;
    (trees.revision)(dir, rev, arches).map_err(Error::Tree)
}
