//! From what the user names to headers that can be read.

use xen_headers::{HeaderTree, LinuxTree, Options, Upstream, linux_pins, pins};

use super::Input;
use crate::error::Error;
use crate::import::Source;
use crate::releases::{ROOT, headers};
use crate::tree::{at_revision, opened, warn, warned};

/// The headers that `input` asks for, warnings said: a release's with Linux's, or a directory's or
/// revision's alone. If it names none, those of the root of `xen-abi`.
pub(super) fn source(input: &Input) -> Result<Source, Error> {
    if let (Some(dir), Some(rev)) = (&input.git.dir, &input.git.rev) {
        return at_revision(dir, rev, &options());
    }
    if let Some(dir) = &input.headers {
        return opened(dir, &options());
    }
    let tree = match input.release.as_deref() {
        Some(release) if release != ROOT => HeaderTree::obtain(pins(), release, &options())?,
        _ => headers(ROOT, &Upstream::from_env(), &options())?,
    };
    let tree = warned(tree);
    let linux = LinuxTree::obtain(linux_pins(), &options())?;
    linux.warnings.iter().for_each(|warning| warn(warning));
    Source::new(tree, Some(linux))
}

pub(super) fn options() -> Options<'static> {
    Options { progress: &|text| anstream::eprintln!("{text}"), ..Options::from_env() }
}
