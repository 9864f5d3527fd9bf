//! `cargo xtask doc`: the documentation of all crates, as docs.rs makes it.

use std::path::PathBuf;
use std::process::Command;

use crate::install::Install;
use crate::need::{self, Need};
use crate::toolchain::NIGHTLY;
use crate::{Error, process, workspace};

/// What it needs.
pub(crate) const NEEDS: &[Need] = &[Need::Nightly];

/// Pages for people.
const PAGES: &str = "--cfg docsrs -D warnings";

/// A description of all items for programs, one file for each crate.
const JSON: &str = "-Z unstable-options --output-format json";

/// Every crate but xen-fuzz, one feature of which needs a C++ compiler.
const WORKSPACE: [&str; 3] = ["--workspace", "--exclude", "xen-fuzz"];

/// Makes the pages; a warning is a failure.
pub(crate) fn run(install: Install) -> Result<(), Error> {
    need::provide(NEEDS, install)?;
    document("documentation as docs.rs makes it", PAGES, &WORKSPACE).map(drop)
}

/// Describes all items of crates in files named after them, with `_` for `-`, and returns their directory.
pub(crate) fn json(crates: &[&str]) -> Result<PathBuf, Error> {
    let packages: Vec<_> = crates.iter().flat_map(|name| ["-p", name]).collect();
    document("public items", JSON, &packages)
}

/// Has rustdoc document packages. Both forms are made from the same checked dependencies.
fn document(what: &str, flags: &str, packages: &[&str]) -> Result<PathBuf, Error> {
    let target = workspace::scratch("doc-nightly")?;
    let mut command = Command::new("rustup");
    command.args(["run", NIGHTLY, "cargo", "doc", "--no-deps", "--all-features", "--target-dir"]);
    command.arg(&target).current_dir(workspace::root()?);
    command.args(packages);
    command.env("CARGO_INCREMENTAL", "0").env("RUSTDOCFLAGS", flags);
    command.env_remove("RUSTFLAGS").env_remove("CARGO").env_remove("RUSTC");
    process::captured(what, &mut command)?;
    Ok(target.join("doc"))
}
