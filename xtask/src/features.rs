//! `cargo xtask features`: every cargo feature of the published crates, and pairs of xen-abi's.

use crate::install::Install;
use crate::need::{self, Need};
use crate::{Error, process, tool, workspace};

/// What it needs.
pub(crate) const NEEDS: &[Need] = &[Need::Tool(&tool::HACK)];

/// What is checked. The crates above xen-abi forward its features, and their own code depends on none of
/// them: pairs of those would check xen-abi's pairs again. The same goes for pairs with `std` and
/// `vm-memory`, which add implementations and depend on no other feature.
const SETS: &[(&str, &[&str])] = &[
    (
        "features of xen-abi",
        &[
            "-p",
            "xen-abi",
            "--feature-powerset",
            "--depth",
            "2",
            "--exclude-features",
            "std,vm-memory",
        ],
    ),
    (
        "features of xen-io",
        &[
            "-p",
            "xen-io",
            "--feature-powerset",
            "--depth",
            "2",
            "--exclude-features",
            "vm-memory,zerocopy",
        ],
    ),
    (
        "features of the others",
        &["-p", "xen-ops", "-p", "xen-guest", "-p", "xen-linux", "--each-feature"],
    ),
];

/// Has cargo-hack check each set; a warning in one of them is an error.
///
/// `default` and `full` are sums of others that other steps check. cargo-hack's `--no-dev-deps` is not
/// used: it edits the manifests while it runs, which other steps read, and cargo's resolver keeps the
/// features of dev-dependencies out of a plain check anyway.
pub(crate) fn run(install: Install) -> Result<(), Error> {
    need::provide(NEEDS, install)?;
    for (name, arguments) in SETS {
        let mut command = tool::HACK.command()?;
        command.arg("check").args(*arguments).args(["--exclude-features", "default,full"]);
        command.arg("--target-dir").arg(workspace::scratch("features")?);
        command.env("RUSTFLAGS", "-D warnings").env("CARGO_INCREMENTAL", "0");
        process::captured(name, &mut command)?;
    }
    Ok(())
}
