//! From what the user names to headers that can be read.

use xen_headers::{HeaderTree, LinuxTree, Options, linux_pins, pins};

use super::Input;
use crate::error::Error;
use crate::import::Source;
use crate::tree::{at_revision, opened, warn, warned};

/// The headers that `input` asks for, warnings said: a release's with Linux's, or a directory's or
/// revision's alone.
pub(super) fn source(input: &Input) -> Result<Source, Error> {
    if let (Some(dir), Some(rev)) = (&input.git.dir, &input.git.rev) {
        return at_revision(dir, rev, &options());
    }
    let release = match (&input.headers, &input.release) {
        (Some(dir), _) => return opened(dir, &options()),
        (None, Some(release)) => release,
        (None, None) => &pins().default_release().name,
    };
    let tree = warned(HeaderTree::obtain(pins(), release, &options())?);
    let linux = LinuxTree::obtain(linux_pins(), &options())?;
    linux.warnings.iter().for_each(|warning| warn(warning));
    Source::new(tree, Some(linux))
}

pub(super) fn options() -> Options<'static> {
    Options { progress: &|text| anstream::eprintln!("{text}"), ..Options::from_env() }
}
