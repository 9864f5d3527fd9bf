//! `cargo xtask miri`: tests under Miri, which sees undefined behaviour.

use std::process::Command;

use crate::progress::{Outcome, Step};
use crate::{Error, process, toolchain, workspace};

/// Miri is part of the nightly toolchain only.
const TOOLCHAIN: &str = "nightly";

/// What is run, all at the same time: everything of xen-ops, in two parts, and of the others what a
/// thousandth of the usual speed leaves time for. Arguments behind the last `--` choose tests.
const RUNS: &[(&str, &[&str])] = &[
    ("miri xen-ops", &["-p", "xen-ops", "--lib", "--test", "hypercalls", "--", "--skip", GRANTS]),
    ("miri xen-ops grants", &["-p", "xen-ops", "--lib", "--", GRANTS]),
    ("miri xen-sim", &["-p", "xen-sim", "--test", "conformance", "--", "guest::", "threads::"]),
    ("miri xen-fuzz", &["-p", "xen-fuzz", "--tests"]),
];

/// The half of xen-ops' tests that takes longer.
const GRANTS: &str = "gnttab::lend::";

/// A handle is an address as an integer: whoever reads it takes the provenance it exposed. And Miri's
/// emulation of weak memory gives up where words and bytes of a page are accessed by turns, as every
/// copy does; loom is there for the orderings. What may be in use is leaked on purpose.
const FLAGS: &str = "-Zmiri-permissive-provenance -Zmiri-disable-weak-memory-emulation \
    -Zmiri-ignore-leaks";

/// Runs Miri, or says why it cannot be had here.
pub(crate) fn run() -> Result<Outcome, Error> {
    if let Err(reason) = toolchain::ensure_miri(TOOLCHAIN) {
        let outcome = Outcome::Skipped(reason);
        Step::start("miri").end(&outcome);
        return Ok(outcome);
    }
    let mut commands = Vec::new();
    for (_, arguments) in RUNS {
        let mut command = Command::new("rustup");
        command.args(["run", TOOLCHAIN, "cargo", "miri", "test"]);
        command.arg("--target-dir").arg(workspace::scratch("miri")?).args(*arguments);
        command.current_dir(workspace::root()?).env("MIRIFLAGS", FLAGS);
        commands.push(command);
    }
    let names = RUNS.iter().map(|(name, _)| *name);
    process::together("miri", &mut names.zip(&mut commands).collect::<Vec<_>>())?;
    Ok(Outcome::Ok)
}
