//! `cargo xtask i686`: the tests of the crates as programs of 32 bits, where a frame number and an index have
//! 32 bits, and 64-bit integers are aligned to 4 bytes. The simulator's guests are then compared with what 32-bit
//! guests of real hypervisors do.
//!
//! A 64-bit kernel runs them. Rust's target with musl brings its start files and C library, and Rust brings
//! a linker: so no package of the system is needed.

use std::fs;

use crate::install::Install;
use crate::need::{self, Need};
use crate::{Error, process, workspace};

/// The target.
const TARGET: &str = "i686-unknown-linux-musl";

/// What it needs.
pub(crate) const NEEDS: &[Need] = &[Need::Targets(&[TARGET])];

/// What is tested, as one build: the crates whose code depends on the width, and of their tests those that
/// need no compiler. Documentation tests are left out: they would be compiled one by one. Layouts are proven
/// by `cargo xtask cross`.
const ARGUMENTS: &[&str] = &[
    "test",
    // What optimised dependencies save here is less than what they cost.
    "--config",
    "profile.dev.package.\"*\".opt-level=0",
    "--no-fail-fast",
    "--package",
    "xen-ops",
    "--package",
    "xen-linux",
    "--package",
    "xen-sim",
    "--package",
    "xen-live",
    "--lib",
    "--test",
    "sim",
    "--test",
    "own_table",
    "--test",
    "large_table",
    "--test",
    "conformance",
    "--test",
    "model",
];

/// Runs the tests, or says that this processor cannot.
pub(crate) fn run(install: Install) -> Result<(), Error> {
    if !cfg!(any(target_arch = "x86_64", target_arch = "x86")) {
        println!("skipped: this processor runs no programs for x86");
        return Ok(());
    }
    need::provide(NEEDS, install)?;
    let mut command = workspace::cargo()?;
    command.args(ARGUMENTS).args(["--target", TARGET]);
    let target_dir = workspace::scratch("i686")?;
    command.arg("--target-dir").arg(&target_dir);
    // A crate asks for `libdl`, whose functions musl has in its C library. Rust brings no such archive.
    let libdl = target_dir.join("libdl.a");
    fs::write(&libdl, "!<arch>\n").map_err(Error::file(&libdl))?;
    let flags = format!("['-Clink-self-contained=yes', '-Lnative={}']", target_dir.display());
    command.arg("--config").arg(format!("target.{TARGET}.rustflags={flags}"));
    command
        .env("CARGO_TARGET_I686_UNKNOWN_LINUX_MUSL_LINKER", "rust-lld")
        // Both cost time and disk space.
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_INCREMENTAL", "0");
    process::open("i686", &mut command).map(drop)
}
