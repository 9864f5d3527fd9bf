//! `cargo xtask deny`: who depends on what, under which licence and from where; see `deny.toml`.

use crate::install::Install;
use crate::need::{self, Need};
use crate::{Error, process, tool};

/// What it needs.
pub(crate) const NEEDS: &[Need] = &[Need::Tool(&tool::DENY)];

/// Runs cargo-deny without its check of advisories, whose database must be fetched with git.
pub(crate) fn run(install: Install) -> Result<(), Error> {
    need::provide(NEEDS, install)?;
    let mut command = tool::DENY.command()?;
    command.args(["--locked", "--all-features", "check", "bans", "licenses", "sources"]);
    process::captured("deny", &mut command).map(drop)
}
