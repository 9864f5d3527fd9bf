//! `cargo xtask compare`: others' ways to grants from user space, beside ours.

use crate::{Error, process, workspace};

/// Builds the programs, which are a workspace of their own, and has one of them supervise the others.
pub(crate) fn run() -> Result<(), Error> {
    for arguments in [&["build", "--bins"][..], &["run", "--bin", "compare"]] {
        let mut command = workspace::cargo()?;
        command.args(arguments);
        command.args(["--quiet", "--locked", "--manifest-path", "tests/compare/Cargo.toml"]);
        command.arg("--target-dir").arg(workspace::scratch("compare")?);
        process::open(&format!("compare {}", arguments[0]), &mut command)?;
    }
    Ok(())
}
