//! `cargo xtask compare`: other libraries that use grants from user space, compared with xen-linux.

use crate::{Error, process, workspace};

/// Builds the programs, which are a workspace of their own, and runs the one that supervises the others.
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
