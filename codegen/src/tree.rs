//! Header trees of the user's, and what is said about them on the terminal.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;

use anstyle::{AnsiColor, Style};
use xen_headers::{HeaderTree, Options};

use crate::error::Error;
use crate::import::Source;
use crate::ir::Abi;

/// Xen's own headers in a directory, or in an archive of upstream's source.
///
/// # Errors
///
/// Those of [`HeaderTree`] and [`Source::new`].
pub fn opened(path: &Path, options: &Options<'_>) -> Result<Source, Error> {
    let tree = if path.is_file() {
        HeaderTree::from_tarball(path, options)?
    } else {
        HeaderTree::open(path)?
    };
    Source::new(warned(tree), None)
}

/// Xen's own headers at a revision of a git repository.
///
/// # Errors
///
/// Those of [`HeaderTree`] and [`Source::new`].
pub fn at_revision(dir: &Path, rev: &str, options: &Options<'_>) -> Result<Source, Error> {
    Source::new(warned(HeaderTree::from_git(dir, rev, options)?), None)
}

/// The tree, its warnings said.
pub(crate) fn warned(tree: HeaderTree) -> HeaderTree {
    tree.warnings.iter().for_each(|warning| warn(warning));
    tree
}

/// Says what has no rule, for a command that does without it.
pub fn warn_of_unknown(abis: &[Abi]) {
    let unknown: BTreeSet<_> = abis.iter().flat_map(|abi| abi.unknown.values()).collect();
    for (location, what) in unknown {
        warn(&format_args!("{location}: the generator does not understand {what}; it is left out"));
    }
}

pub(crate) fn warn(warning: &dyn Display) {
    let style = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
    anstream::eprintln!("{style}warning{style:#}: {warning}");
}
