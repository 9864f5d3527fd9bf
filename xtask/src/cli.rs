//! The command line.

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::{Parser, Subcommand};

use crate::install::Install;
use crate::{
    Error, adopters, atlas, bench_build, bench_tool, book, compare, cross, deny, doc, examples,
    features, fuzz, i686, live, loom, miri, mutants, package, public_api, release, setup, test,
    verify,
};

/// Developer commands of the xen-abi workspace.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    arg_required_else_help = true,
    after_help = "Examples:\n  \
        cargo xtask setup --print         what is installed, what is missing; changes nothing\n  \
        cargo xtask test --quick          formatting, lints and tests that need no more than Rust\n  \
        cargo xtask test                  every check\n  \
        cargo xtask test --list           its steps\n  \
        cargo xtask miri --no-install     one of them; fails if Miri is missing\n\n\
        Exit status: 0 success, 1 a check failed or something is missing, 2 wrong usage."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Install nothing: fail where something is missing, and say how to install it
    #[arg(long, global = true)]
    no_install: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every check, or some of them; stop at the first failure
    Test(test::Options),
    /// Install the system packages and targets that the other commands need, or name them
    Setup(setup::Options),
    /// Generate every release again from upstream's headers, compare, and prove it
    Verify(verify::Options),
    /// Check the crates for every architecture, with and without an operating system
    Cross(cross::Options),
    /// Check every cargo feature of the published crates alone
    #[command(after_help = "Example:\n  cargo xtask features")]
    Features,
    /// Check the licences, sources and users of dependencies
    #[command(after_help = "Example:\n  cargo xtask deny\n\nThe rules are in deny.toml.")]
    Deny,
    /// Make the documentation as docs.rs makes it; warnings are failures
    #[command(after_help = "Example:\n  cargo xtask doc")]
    Doc,
    /// Make a book of docs, and check its links
    #[command(after_help = "Example:\n  cargo xtask book")]
    Book,
    /// Compare the public API of the libraries with the checked-in listings, or write them
    PublicApi(public_api::Options),
    /// Pack the published crates as crates.io would get them, and check the packages
    #[command(after_help = "Example:\n  cargo xtask package")]
    Package,
    /// Do everything that comes before a release, and stop before publishing
    #[command(after_help = "Example:\n  cargo xtask release\n\nSee docs/releasing.md.")]
    Release,
    /// Run every example
    #[command(after_help = "Example:\n  cargo xtask examples")]
    Examples,
    /// Run the tests of the crates as programs of 32 bits
    I686(i686::Options),
    /// Boot real hypervisors with our own guest, or with Linux, and compare what they do
    Live(live::Options),
    /// Run every interleaving of the lock-free protocols
    #[command(after_help = "Example:\n  cargo xtask loom")]
    Loom,
    /// Run tests under Miri, which finds undefined behaviour
    #[command(after_help = "Example:\n  cargo xtask miri")]
    Miri,
    /// Fuzz the crates with a hostile hypervisor and a hostile peer
    Fuzz(fuzz::Options),
    /// Change single lines of the code that keeps promises: a test must notice each
    Mutants(mutants::Options),
    /// Compare other libraries that use grants from user space with xen-linux
    #[command(after_help = "Example:\n  cargo xtask compare")]
    Compare,
    /// Run other projects' tests with their Xen definitions replaced by xen-abi's
    #[command(
        after_help = "Example:\n  cargo xtask adopters\n\nThe list is tests/adopters/adopters.toml."
    )]
    Adopters,
    /// Time clean builds of xen-abi and of comparable crates
    BenchBuild(bench_build::Options),
    /// Time calls of xenabi, beside pahole on a hypervisor's debug information
    BenchTool(bench_tool::Options),
    /// Write the atlas of the ABI, a static site, or test it in a headless browser
    Atlas(atlas::Options),
}

/// Reads the command line, runs the command and reports how it ended.
#[must_use]
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let install = if arguments.no_install { Install::Forbidden } else { Install::Allowed };
    match run(arguments.command, install) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
            anstream::eprintln!("{red}error:{red:#} {error}");
            ExitCode::from(error.status())
        }
    }
}

fn run(command: Command, install: Install) -> Result<(), Error> {
    match command {
        Command::Test(options) => test::run(&options, install),
        Command::Setup(options) => setup::run(&options, install),
        Command::Verify(options) => verify::run(&options, install),
        Command::Cross(options) => cross::run(&options, install),
        Command::Features => features::run(install),
        Command::Deny => deny::run(install),
        Command::Doc => doc::run(install),
        Command::Book => book::run(install),
        Command::PublicApi(options) => public_api::run(&options, install),
        Command::Package => package::run(install),
        Command::Release => release::run(install),
        Command::Examples => examples::run(),
        Command::I686(options) => i686::run(&options, install),
        Command::Live(options) => live::run(&options, install),
        Command::Loom => loom::run(),
        Command::Miri => miri::run(install),
        Command::Fuzz(options) => fuzz::run(&options, install),
        Command::Mutants(options) => mutants::run(&options, install),
        Command::Adopters => adopters::run(),
        Command::Compare => compare::run(),
        Command::BenchBuild(options) => bench_build::run(&options),
        Command::BenchTool(options) => bench_tool::run(&options),
        Command::Atlas(options) => atlas::run(&options, install),
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
        for arguments in [
            &["cargo xtask", "tset"][..],
            &["cargo xtask", "test", "no-such-step"],
            &["cargo xtask", "bench-build", "--runs", "0"],
        ] {
            assert_eq!(Arguments::try_parse_from(arguments).unwrap_err().exit_code(), 2);
        }
    }

    #[test]
    fn no_install_stands_before_or_after_the_command() {
        for arguments in
            [["cargo xtask", "--no-install", "miri"], ["cargo xtask", "miri", "--no-install"]]
        {
            assert!(Arguments::try_parse_from(arguments).unwrap().no_install);
        }
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Arguments::command().get_subcommands() {
            // Those of `live` are in the program that it starts.
            let help = command.get_after_help().map(ToString::to_string);
            let has_example = help.is_some_and(|help| help.contains("cargo xtask "));
            assert!(has_example || command.get_name() == "live", "{}", command.get_name());
        }
    }
}
