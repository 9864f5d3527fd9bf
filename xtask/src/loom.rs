//! `cargo xtask loom`: every interleaving of the protocols that several CPUs run on one word.

use crate::{Error, process, workspace};

/// The workspace that compiles xen-ops and xen-io with loom's atomics.
pub(crate) const MANIFEST: &str = "tests/loom/Cargo.toml";

/// Runs the tests, optimised: they walk through millions of executions.
pub(crate) fn run() -> Result<(), Error> {
    let mut command = workspace::cargo()?;
    command.args(["test", "--locked", "--manifest-path", MANIFEST, "--workspace", "--release"]);
    command.arg("--target-dir").arg(workspace::scratch("loom")?);
    process::open("loom", &mut command).map(drop)
}
