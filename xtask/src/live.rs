//! `cargo xtask live`: boots real hypervisors.

use crate::install::Install;
use crate::need::{self, Need};
use crate::{Error, process, setup, workspace};

/// What it needs.
pub(crate) const NEEDS: &[Need] = &[Need::Packages(setup::For::Live), Need::Targets(&TARGETS)];

/// The targets that the guest kernel and programs for Linux are built for.
const TARGETS: [&str; 6] = [
    "x86_64-unknown-none",
    "aarch64-unknown-none",
    "armv7a-none-eabi",
    // For kernels of 32 bits: there is none without an operating system.
    "i686-unknown-linux-musl",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
];

/// Options of `live`: all of them are the program's own.
#[derive(Debug, Default, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// See `cargo xtask live --help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Provides QEMU and Rust's targets, or what builds hypervisors, then runs the program.
pub(crate) fn run(options: &Options, install: Install) -> Result<(), Error> {
    let has = |word: &str| options.arguments.iter().any(|argument| argument == word);
    if !has("--help") && !has("-h") {
        if has("--from-source") {
            setup::ensure(setup::For::Source, install)?;
        }
        // What is built is booted.
        need::provide(NEEDS, install)?;
    }
    let mut command = workspace::cargo()?;
    // A test, which has no options.
    if options.arguments == ["--front-ends"] {
        let features = ["--features", workspace::FEATURES, "--features", "xen-live/boot"];
        command.arg("test").args(features).args(["--test", "front_ends"]);
        return process::open("live", &mut command).map(drop);
    }
    // A program of its own, as for `verify`.
    command.args(["run", "--quiet", "--features", workspace::FEATURES, "--bin", "live", "--"]);
    command.args(&options.arguments);
    process::open("live", &mut command).map(drop)
}
