//! `cargo xtask live`: real hypervisors.

use crate::{Error, process, setup, toolchain, workspace};

/// The targets that the guest kernel and programs for Linux are built for.
const TARGETS: [&str; 5] = [
    "x86_64-unknown-none",
    "aarch64-unknown-none",
    "armv7a-none-eabi",
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

/// Makes sure of QEMU and of Rust's targets, or of what builds hypervisors, then does what is wanted.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let has = |word: &str| options.arguments.iter().any(|argument| argument == word);
    if has("--from-source") {
        setup::ensure(setup::For::Source)?;
    } else if !has("--help") && !has("-h") {
        setup::ensure(setup::For::Live)?;
        toolchain::ensure_targets(&TARGETS)?;
    }
    // A program of its own, as for `verify`.
    let mut command = workspace::cargo()?;
    command.args(["run", "--quiet", "-p", "xen-live", "--bin", "live", "--"]);
    command.args(&options.arguments);
    process::open("live", &mut command).map(drop)
}
