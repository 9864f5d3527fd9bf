//! `cargo xtask peers`: others' ways to grants from user space, beside ours.

use crate::{Error, process, workspace};

/// Builds the programs, which are a workspace of their own, and supervises them.
pub(crate) fn run() -> Result<(), Error> {
    let mut command = workspace::cargo()?;
    command.args(["run", "--quiet", "--locked", "--manifest-path", "tests/peers/Cargo.toml"]);
    command.arg("--target-dir").arg(workspace::scratch("peers")?);
    process::open("peers", &mut command).map(drop)
}
