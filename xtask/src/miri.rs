//! `cargo xtask miri`: tests under Miri, which finds undefined behaviour.

use std::process::Command;

use crate::install::Install;
use crate::need::{self, Need};
use crate::toolchain::NIGHTLY;
use crate::{Error, process, workspace};

/// What it needs.
pub(crate) const NEEDS: &[Need] = &[Need::Miri];

/// The packages that are selected for each run. With the same ones cargo chooses the same features, and builds what
/// they depend on once.
const PACKAGES: [&str; 6] = ["-p", "xen-ops", "-p", "xen-sim", "-p", "xen-fuzz"];

/// What is run, all at the same time: the tests of xen-ops and of the other crates that are fast enough
/// at a thousandth of the usual speed. Arguments after the last `--` choose tests.
const RUNS: &[(&str, &[&str])] = &[
    (
        "miri xen-ops",
        // xen-sim's library has these: they are long, and there is no unsafe code in what they check.
        &["--lib", "--test", "hypercalls", "--", "--skip", "console_ring"],
    ),
    ("miri xen-sim", &["--test", "conformance", "--", "guest::a_page_is_granted_and_taken_back"]),
    ("miri xen-fuzz", &["--test", "random"]),
];

/// A handle is an address as an integer: reading it takes the provenance that was exposed. Miri's
/// emulation of weak memory gives up where words and bytes of a page are accessed in turn, as every
/// copy does; loom checks the orderings. Pages that may be in use are leaked on purpose.
const FLAGS: &str = "-Zmiri-permissive-provenance -Zmiri-disable-weak-memory-emulation \
    -Zmiri-ignore-leaks";

/// Runs Miri.
pub(crate) fn run(install: Install) -> Result<(), Error> {
    need::provide(NEEDS, install)?;
    let mut commands = Vec::new();
    for (_, arguments) in RUNS {
        let mut command = Command::new("rustup");
        command.args(["run", NIGHTLY, "cargo", "miri", "test"]);
        command.arg("--target-dir").arg(workspace::scratch("miri")?).args(PACKAGES);
        command.args(*arguments);
        command.current_dir(workspace::root()?).env("MIRIFLAGS", FLAGS);
        commands.push(command);
    }
    let names = RUNS.iter().map(|(name, _)| *name);
    process::together("miri", &mut names.zip(&mut commands).collect::<Vec<_>>()).map(drop)
}
