//! From what the user names to headers that can be read.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;

use anstyle::{AnsiColor, Style};
use xen_headers::{HeaderTree, LinuxTree, Options, linux_pins, pins};

use super::Input;
use crate::error::Error;
use crate::import::Source;
use crate::ir::Abi;

/// The headers that `input` asks for, warnings said: a release's with Linux's, or a directory's or
/// revision's alone.
pub(super) fn source(input: &Input) -> Result<Source, Error> {
    if let (Some(dir), Some(rev)) = (&input.git.dir, &input.git.rev) {
        return at_revision(dir, rev);
    }
    let release = match (&input.headers, &input.release) {
        (Some(dir), _) => return opened(dir),
        (None, Some(release)) => release,
        (None, None) => &pins().default_release().name,
    };
    let tree = obtained(release)?;
    let linux = LinuxTree::obtain(linux_pins(), &options())?;
    linux.warnings.iter().for_each(|warning| warn(warning));
    Source::new(tree, Some(linux))
}

/// Xen's own headers at a revision of a git repository.
pub(super) fn at_revision(dir: &Path, rev: &str) -> Result<Source, Error> {
    let tree = HeaderTree::from_git(dir, rev, &options())?;
    tree.warnings.iter().for_each(|warning| warn(warning));
    Source::new(tree, None)
}

/// Says which macros have no rule, for a command that does without them.
pub(super) fn warn_of_unknown(abis: &[Abi]) {
    let unknown: BTreeSet<_> = abis.iter().flat_map(|abi| abi.unknown.values()).collect();
    for (location, what) in unknown {
        warn(&format_args!("{location}: the generator does not understand {what}; it is left out"));
    }
}

/// A directory of headers, or an archive of upstream's source.
fn opened(path: &Path) -> Result<Source, Error> {
    let tree = if path.is_file() {
        HeaderTree::from_tarball(path, &options())?
    } else {
        HeaderTree::open(path)?
    };
    tree.warnings.iter().for_each(|warning| warn(warning));
    Source::new(tree, None)
}

fn obtained(release: &str) -> Result<HeaderTree, Error> {
    let tree = HeaderTree::obtain(pins(), release, &options())?;
    tree.warnings.iter().for_each(|warning| warn(warning));
    Ok(tree)
}

pub(super) fn options() -> Options<'static> {
    Options { progress: &|text| anstream::eprintln!("{text}"), ..Options::from_env() }
}

fn warn(warning: &dyn Display) {
    let style = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
    anstream::eprintln!("{style}warning{style:#}: {warning}");
}
