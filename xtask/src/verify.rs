//! `cargo xtask verify`: the main job.

use crate::{Error, process, workspace};

/// Regenerates everything and compares it with what is checked in.
pub(crate) fn run() -> Result<(), Error> {
    let mut command = workspace::cargo()?;
    command.args(["run", "--quiet", "-p", "xen-codegen", "--", "gen", "--check"]);
    process::open("gen --check", &mut command).map(drop)
}
