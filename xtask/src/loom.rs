//! `cargo xtask loom`: every interleaving of the protocols that several CPUs run on one word.

use crate::{Error, process, workspace};

/// Runs the loom tests of xen-ops and xen-io, optimised: they walk through millions of executions.
pub(crate) fn run() -> Result<(), Error> {
    let mut command = workspace::cargo()?;
    command.args([
        "test",
        "--package",
        "xen-ops",
        "--package",
        "xen-io",
        "--release",
        "--test",
        "loom",
    ]);
    command.arg("--target-dir").arg(workspace::scratch("loom")?);
    command.env("RUSTFLAGS", "--cfg loom");
    process::open("loom", &mut command).map(drop)
}
