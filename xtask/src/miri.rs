//! `cargo xtask miri`: the tests of xen-ops and xen-model under Miri, which sees undefined behaviour.

use std::process::Command;

use crate::progress::{Outcome, Step};
use crate::{Error, process, toolchain, workspace};

/// Miri is part of the nightly toolchain only.
const TOOLCHAIN: &str = "nightly";

/// A handle is an address as an integer: whoever reads it takes the provenance it exposed. And Miri's
/// emulation of weak memory gives up where words and bytes of a page are accessed by turns, as every
/// copy does; loom is there for the orderings.
const FLAGS: &str = "-Zmiri-permissive-provenance -Zmiri-disable-weak-memory-emulation";

/// Runs Miri, or says why it cannot be had here.
pub(crate) fn run() -> Result<Outcome, Error> {
    if let Err(reason) = toolchain::ensure_miri(TOOLCHAIN) {
        let outcome = Outcome::Skipped(reason);
        Step::start("miri").end(&outcome);
        return Ok(outcome);
    }
    let mut command = Command::new("rustup");
    command.args(["run", TOOLCHAIN, "cargo", "miri", "test"]);
    command.args(["--package", "xen-ops", "--package", "xen-model", "--package", "xen-fuzz"]);
    command.args(["--features", "xen-ops/alloc", "--lib", "--tests"]);
    command.arg("--target-dir").arg(workspace::scratch("miri")?).current_dir(workspace::root()?);
    command.env("MIRIFLAGS", FLAGS);
    process::open("miri", &mut command)?;
    Ok(Outcome::Ok)
}
