//! `cargo xtask msrv`: the published libraries with the oldest Rust version that is promised to work.

use std::process::Command;

use crate::install::Install;
use crate::need::{self, Need};
use crate::{Error, package, process, workspace};

/// What it needs.
pub(crate) const NEEDS: &[Need] = &[Need::Msrv];

/// Checks the libraries, with all their features.
pub(crate) fn run(install: Install) -> Result<(), Error> {
    need::provide(NEEDS, install)?;
    let version = workspace::msrv();
    let mut command = Command::new("rustup");
    command.args(["run", &version, "cargo", "check"]);
    command.args(package::LIBRARIES.iter().flat_map(|name| ["-p", name]));
    command.args([
        "--features",
        "xen-abi/full,xen-ops/alloc,xen-guest/qemu,xen-io/std,xen-linux/vm-memory",
    ]);
    command.arg("--target-dir").arg(workspace::scratch("msrv")?).current_dir(workspace::root()?);
    command.env("CARGO_INCREMENTAL", "0");
    process::captured(&format!("msrv {version}"), &mut command).map(drop)
}
