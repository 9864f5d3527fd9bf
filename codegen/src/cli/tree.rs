//! From what the user names to headers that can be read.

use std::path::Path;

use anstyle::{AnsiColor, Style};
use xen_headers::{HeaderTree, Options, pins};

use super::Input;
use crate::error::Error;
use crate::import::Source;

/// The headers that `input` asks for, warnings said.
pub(super) fn source(input: &Input) -> Result<Source, Error> {
    match (&input.headers, &input.release) {
        (Some(dir), _) => opened(dir),
        (None, Some(release)) => obtained(release),
        (None, None) => obtained(&pins().default_release().name),
    }
}

/// The headers called `name`: a release, or a directory.
pub(super) fn named(name: &str) -> Result<Source, Error> {
    if Path::new(name).is_dir() { opened(Path::new(name)) } else { obtained(name) }
}

fn opened(dir: &Path) -> Result<Source, Error> {
    warned(HeaderTree::open(dir)?)
}

fn obtained(release: &str) -> Result<Source, Error> {
    let progress = |text: &str| anstream::eprintln!("{text}");
    let options = Options { progress: &progress, ..Options::from_env() };
    warned(HeaderTree::obtain(pins(), release, &options)?)
}

fn warned(tree: HeaderTree) -> Result<Source, Error> {
    let style = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
    for warning in &tree.warnings {
        anstream::eprintln!("{style}warning{style:#}: {warning}");
    }
    Source::new(tree)
}
