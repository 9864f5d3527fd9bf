//! The command line.

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::{Parser, Subcommand};

use crate::{
    Error, bench_build, compare, cross, examples, fuzz, live, loom, miri, setup, test, verify,
};

/// Developer commands of the xen-abi workspace.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    arg_required_else_help = true,
    after_help = "Examples:\n  \
        cargo xtask setup           install what the other commands need (root, Debian or Ubuntu)\n  \
        cargo xtask verify          regenerate everything, check drift, prove\n  \
        cargo xtask test --quick    format, lints and tests that need no system package\n  \
        cargo xtask test            everything"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every check there is, tests included; stops at the first failure.
    Test(test::Options),
    /// Regenerate everything from upstream's headers and compare.
    #[command(after_help = "Example:\n  cargo xtask verify")]
    Verify,
    /// Boot real hypervisors with our own guest and compare what they do.
    Live(live::Options),
    /// Walk through every interleaving of the lock-free protocols.
    Loom,
    /// Run the tests of xen-ops and xen-sim under Miri.
    Miri,
    /// Let libFuzzer play a hostile hypervisor and a hostile peer.
    Fuzz(fuzz::Options),
    /// Run every example.
    Examples,
    /// Supervise others' ways to grants from user space beside ours.
    Compare,
    /// Check xen-abi and xen-ops for every architecture, with and without an operating system.
    Cross(cross::Options),
    /// Install, or name, the system packages that the other commands need.
    Setup(setup::Options),
    /// Time clean builds of xen-abi beside its peers'.
    BenchBuild(bench_build::Options),
}

/// Reads the command line, runs the command and says how it went.
#[must_use]
pub(crate) fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
            anstream::eprintln!("{red}error:{red:#} {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::Test(options) => test::run(&options),
        Command::Verify => verify::run(),
        Command::Live(options) => live::run(&options),
        Command::Loom => loom::run(),
        Command::Miri => miri::run().map(drop),
        Command::Fuzz(options) => fuzz::run(&options).map(drop),
        Command::Examples => examples::run(),
        Command::Compare => compare::run(),
        Command::Cross(options) => cross::run(&options),
        Command::Setup(options) => setup::run(&options),
        Command::BenchBuild(options) => bench_build::run(&options),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn wrong_usage_is_status_2() {
        for arguments in
            [&["cargo xtask", "tset"][..], &["cargo xtask", "bench-build", "--runs", "0"]]
        {
            assert_eq!(Arguments::try_parse_from(arguments).unwrap_err().exit_code(), 2);
        }
    }
}
