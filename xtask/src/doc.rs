//! `cargo xtask doc`: the documentation of all crates, as docs.rs makes it.

use std::path::PathBuf;
use std::process::Command;

use crate::install::Install;
use crate::need::{self, Need};
use crate::toolchain::NIGHTLY;
use crate::{Error, package, process, workspace};

/// What it needs.
pub(crate) const NEEDS: &[Need] = &[Need::Nightly];

/// Pages for people.
const PAGES: &str = "--cfg docsrs -D warnings";

/// A description of all items for programs, one file for each crate.
const JSON: &str = "-Z unstable-options --output-format json";

/// Every crate but xen-fuzz, one feature of which needs a C++ compiler.
const WORKSPACE: [&str; 4] = ["--workspace", "--exclude", "xen-fuzz", "--all-features"];

/// xen-abi without `foreign`, which has the same documentation once more for each architecture.
const ABI: [&str; 4] = ["-p", package::ABI, "--features", "full,toolstack-all,std,vm-memory"];

/// Makes the pages of all crates; a warning is a failure.
pub(crate) fn run(install: Install) -> Result<(), Error> {
    need::provide(NEEDS, install)?;
    document("documentation as docs.rs makes it", PAGES, &WORKSPACE).map(drop)
}

/// Makes the pages of published crates, each thing once.
pub(crate) fn published(install: Install) -> Result<(), Error> {
    need::provide(NEEDS, install)?;
    document("documentation of xen-abi", PAGES, &ABI)?;
    document("documentation of the others", PAGES, &selected(package::others())).map(drop)
}

/// Describes all items of crates in files named after them, with `_` for `-`, and returns their directory. They are
/// made from the same checked dependencies as the pages.
pub(crate) fn json(crates: &[&'static str]) -> Result<PathBuf, Error> {
    document("public items", JSON, &selected(crates.iter().copied()))
}

fn selected(crates: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    crates.flat_map(|name| ["-p", name]).chain(["--all-features"]).collect()
}

/// Has rustdoc document packages.
fn document(what: &str, flags: &str, packages: &[&str]) -> Result<PathBuf, Error> {
    let target = workspace::scratch("doc-nightly")?;
    let mut command = Command::new("rustup");
    command.args(["run", NIGHTLY, "cargo", "doc", "--no-deps", "--target-dir"]);
    command.arg(&target).current_dir(workspace::root()?);
    command.args(packages);
    command.env("CARGO_INCREMENTAL", "0").env("RUSTDOCFLAGS", flags);
    command.env_remove("RUSTFLAGS").env_remove("CARGO").env_remove("RUSTC");
    process::captured(what, &mut command)?;
    Ok(target.join("doc"))
}
