//! The commands.

mod r#gen;
mod omitted;
mod record;
mod releases;
mod show;
mod tree;

use clap::{Args, Parser, Subcommand};
use devtools::Arch;
use xen_headers::pins;

use crate::error::Error;
use crate::ir::Profile;
use crate::releases::ROOT;

/// What a finished command tells the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is well: status 0.
    Good,
    /// It ran, and found a difference: status 1.
    Different,
}

#[derive(Debug, Parser)]
#[command(
    name = "codegen",
    about = "Xen's public headers to Rust and to records; xenabi answers questions about them",
    after_help = "Examples:
  codegen gen                                   write xen-abi's modules anew
  codegen gen --check                           fail if they are not what the headers say
  codegen record --git ~/src/xen RELEASE-4.22.0   record a release anew
  codegen show --headers ~/src/xen --arch arm   what a tree defines, as a record has it
  codegen show --interface-version 0x30201      as a guest of that interface version sees it
  codegen omitted --arch x86_64                 what has no counterpart in Rust, and why"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write xen-abi's generated modules, or check that they are up to date
    Gen(r#gen::Gen),
    /// Write the records of releases, or check that they are what the headers say
    Record(record::Record),
    /// Write xen-abi's modules of other releases' toolstack ABI
    Releases(releases::Releases),
    /// Print what the headers define on one architecture, as a record has it
    Show(show::Show),
    /// List what the headers define and the ABI leaves out, with the reason
    Omitted(omitted::Omitted),
}

/// Which headers to read, and how.
#[derive(Clone, Debug, Default, Args)]
struct Input {
    #[arg(long, value_name = "RELEASE", conflicts_with = "headers", help = releases())]
    release: Option<String>,
    /// An upstream checkout, its xen/include/public, an installed usr/include/xen, another project's copy,
    /// or an archive such as xen-4.20.4.tar.gz; without Linux's
    #[arg(long, value_name = "DIR")]
    headers: Option<std::path::PathBuf>,
    #[command(flatten)]
    git: Revision,
    /// Read the headers as a guest that defines __XEN_INTERFACE_VERSION__ so (0x00030201)
    #[arg(long, value_name = "VERSION", value_parser = interface_version)]
    interface_version: Option<u32>,
}

/// A revision in a git repository.
#[derive(Clone, Debug, Default, Args)]
struct Revision {
    /// A git repository, bare or with a checkout; its headers at --rev are read, without Linux's
    #[arg(
        long = "git",
        value_name = "DIR",
        requires = "rev",
        conflicts_with_all = ["release", "headers"]
    )]
    dir: Option<std::path::PathBuf>,
    /// The branch, tag or commit to read, such as RELEASE-4.22.0 or HEAD~3
    #[arg(long, value_name = "REV", requires = "dir")]
    rev: Option<String>,
}

/// What `--release` takes.
fn releases() -> String {
    format!("A pinned release ({}) [default: {ROOT}]", pins().names().join(", "))
}

impl Input {
    /// Whether it names nothing, or what is taken then: the release at the root of `xen-abi`.
    fn is_default(&self) -> bool {
        self.headers.is_none()
            && self.git.dir.is_none()
            && self.interface_version.is_none()
            && self.release.as_ref().is_none_or(|release| release == ROOT)
    }

    fn profile(&self) -> Profile {
        self.interface_version.map_or(Profile::Tools, Profile::Guest)
    }
}

fn interface_version(text: &str) -> Result<u32, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| String::from("not a number such as 0x00030201"))
}

/// The architectures asked for, or all that are shipped.
fn arches(asked: &[Arch]) -> Vec<Arch> {
    if asked.is_empty() { Arch::SHIPPED.to_vec() } else { asked.to_vec() }
}

/// Parses the command line and runs the command.
pub fn run() -> Result<Outcome, Error> {
    match Cli::parse().command {
        Command::Gen(command) => command.run(),
        Command::Record(command) => command.run(),
        Command::Releases(command) => command.run(),
        Command::Show(command) => command.run(),
        Command::Omitted(command) => command.run(),
    }
}

/// Prints a finished text; a reader that has seen enough is no error.
fn print(text: &str) -> Result<(), Error> {
    use std::io::Write as _;
    let result = anstream::stdout().write_all(text.as_bytes());
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::Io {
            action: "write",
            path: "standard output".into(),
            source: error,
            hint: "",
        }),
        _ => Ok(()),
    }
}
