//! `cargo xtask miri`: the tests of xen-ops and xen-model under Miri, which sees undefined behaviour.

use std::process::Command;

use crate::progress::{Outcome, Step};
use crate::{Error, process, toolchain, workspace};

/// Miri is part of the nightly toolchain only.
const TOOLCHAIN: &str = "nightly";

/// Runs Miri, or says why it cannot be had here.
pub(crate) fn run() -> Result<Outcome, Error> {
    if let Err(reason) = toolchain::ensure_miri(TOOLCHAIN) {
        let outcome = Outcome::Skipped(reason);
        Step::start("miri").end(&outcome);
        return Ok(outcome);
    }
    let mut command = Command::new("rustup");
    command.args(["run", TOOLCHAIN, "cargo", "miri", "test"]);
    command.args(["--package", "xen-ops", "--package", "xen-model", "--all-features"]);
    command.args(["--lib", "--tests"]);
    command.arg("--target-dir").arg(workspace::scratch("miri")?).current_dir(workspace::root()?);
    // A handle is an address as an integer: whoever reads it takes the provenance it exposed.
    command.env("MIRIFLAGS", "-Zmiri-permissive-provenance");
    process::open("miri", &mut command)?;
    Ok(Outcome::Ok)
}
