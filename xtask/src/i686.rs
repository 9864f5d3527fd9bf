//! `cargo xtask i686`: the tests of the crates as programs of 32 bits, where a frame number and an index have
//! 32 bits, and 64-bit integers are aligned to 4 bytes. The simulator's guests are then compared with what 32-bit
//! guests of real hypervisors do: step by step with the reference, and with `--live` in random operations.
//!
//! A 64-bit kernel runs them. Rust's target with musl brings its start files and C library, and Rust brings
//! a linker: so no package of the system is needed.

use std::fs;
use std::process::Command;

use crate::install::Install;
use crate::need::{self, Need};
use crate::{Error, live, process, workspace};

/// The target.
const TARGET: &str = "i686-unknown-linux-musl";

/// What it needs.
pub(crate) const NEEDS: &[Need] = &[Need::Targets(&[TARGET])];

/// What is tested, as one build: the crates whose code depends on the width, and of their tests those that
/// need no compiler. Documentation tests are left out: they would be compiled one by one. Layouts are proven
/// by `cargo xtask cross`.
const TESTED: &[&str] = &[
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

/// The program that boots hypervisors, and what it boots: 32-bit guests, and random operations in them.
const BOOTED: &[&str] =
    &["--package", "xen-live", "--bin", "live", "--", "--arch", "x86_32", "--scenario", "random"];

/// Options of `i686`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask i686\n  \
    cargo xtask i686 --live\n  \
    cargo xtask i686 --live -- --release 4.20 --seed 5 --steps 2000\n\n\
    It needs a processor and a kernel that run programs for x86 with 32 bits: x86-64.")]
pub(crate) struct Options {
    /// Boot 32-bit guests instead: the simulator does the same random operations
    #[arg(long)]
    live: bool,
    /// Options of `cargo xtask live`
    #[arg(last = true, requires = "live")]
    arguments: Vec<String>,
}

impl Options {
    /// Random operations in all machines.
    pub(crate) const LIVE: Self = Self { live: true, arguments: Vec::new() };
}

/// Runs the tests or boots, or says that this processor cannot.
pub(crate) fn run(options: &Options, install: Install) -> Result<(), Error> {
    if !cfg!(any(target_arch = "x86_64", target_arch = "x86")) {
        println!("skipped: this processor runs no programs for x86");
        return Ok(());
    }
    need::provide(if options.live { live::NEEDS } else { NEEDS }, install)?;
    let mut command = cargo(if options.live { "run" } else { "test" })?;
    command.args(if options.live { BOOTED } else { TESTED }).args(&options.arguments);
    process::open("i686", &mut command).map(drop)
}

/// A command of cargo's that builds for the target.
fn cargo(subcommand: &str) -> Result<Command, Error> {
    let mut command = workspace::cargo()?;
    command.args([subcommand, "--target", TARGET]);
    let target_dir = workspace::scratch("i686")?;
    command.arg("--target-dir").arg(&target_dir);
    // A crate asks for `libdl`, whose functions musl has in its C library. Rust brings no such archive.
    let libdl = target_dir.join("libdl.a");
    fs::write(&libdl, "!<arch>\n").map_err(Error::file(&libdl))?;
    let flags = format!("['-Clink-self-contained=yes', '-Lnative={}']", target_dir.display());
    // Not as variables, which what is run would have for builds of its own.
    for setting in [
        format!("target.{TARGET}.rustflags={flags}"),
        format!("target.{TARGET}.linker='rust-lld'"),
        // These cost time and disk space.
        "profile.dev.debug=0".to_owned(),
        "build.incremental=false".to_owned(),
    ] {
        command.args(["--config", &setting]);
    }
    Ok(command)
}
