//! `cargo xtask peers`: others' ways to grants from user space, beside ours.

use crate::{Error, process, workspace};

/// Builds the programs, which are a workspace of their own, and has one of them supervise the others.
pub(crate) fn run() -> Result<(), Error> {
    for arguments in [&["build", "--bins"][..], &["run", "--bin", "peers"]] {
        let mut command = workspace::cargo()?;
        command.args(arguments);
        command.args(["--quiet", "--locked", "--manifest-path", "tests/peers/Cargo.toml"]);
        command.arg("--target-dir").arg(workspace::scratch("peers")?);
        process::open(&format!("peers {}", arguments[0]), &mut command)?;
    }
    Ok(())
}
