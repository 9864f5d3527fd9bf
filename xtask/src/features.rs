//! `cargo xtask features`: every cargo feature of the published libraries, alone.

use crate::install::Install;
use crate::need::{self, Need};
use crate::{Error, package, process, tool, workspace};

/// What it needs.
pub(crate) const NEEDS: &[Need] = &[Need::Tool(&tool::HACK)];

/// Sums of other features, which other steps check.
const SUMS: &str = "default,full";

/// What crates over xen-abi pass on to it, and have no code for.
const PASSED_ON: &str = "linux,zerocopy";

/// Has cargo-hack check each feature; a warning in one of them is an error.
///
/// Pairs of features are not checked: code of one feature that needs another fails with the first alone, and
/// code of two features is linted with their sum.
///
/// cargo-hack's `--no-dev-deps` is not used: it edits the manifests while it runs, which other steps read, and
/// cargo's resolver keeps the features of dev-dependencies out of a plain check anyway.
pub(crate) fn run(install: Install) -> Result<(), Error> {
    need::provide(NEEDS, install)?;
    let (abi, others) = package::LIBRARIES.split_first().expect("there are libraries");
    check("features of xen-abi", &[abi], SUMS)?;
    check("features of the others", others, &format!("{SUMS},{PASSED_ON}"))
}

fn check(what: &str, crates: &[&str], excluded: &str) -> Result<(), Error> {
    let mut command = tool::HACK.command()?;
    command.arg("check").args(crates.iter().flat_map(|name| ["-p", name]));
    command.args(["--each-feature", "--exclude-features", excluded]);
    command.arg("--target-dir").arg(workspace::scratch("features")?);
    command.env("RUSTFLAGS", "-D warnings").env("CARGO_INCREMENTAL", "0");
    process::captured(what, &mut command).map(drop)
}
