//! The command line.

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::ask;
use crate::error::Error;
use crate::print::print;
use crate::trees::Trees;

/// What a finished command tells the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Status 0.
    Yes,
    /// Status 1: nothing was found, or a stable interface broke.
    No,
}

#[derive(Debug, Parser)]
#[command(
    name = "xenabi",
    version,
    about = "Answers questions about Xen's public ABI, release by release",
    after_help = "Examples:
  xenabi layout gnttab_copy              one type, all architectures side by side
  xenabi layout xen_domctl_createdomain.grant_opts --release 4.17
  xenabi find evtchn_port                types, members and constants with that in their name
  xenabi const GNTTABOP_copy             its value, type and place
  xenabi value -22 --in XEN_E            which constant is that?
  xenabi explain -11                     what does a hypercall's result mean?
  xenabi uses gnttab_copy_ptr            which types have one?
  xenabi since xen_domctl_createdomain   from when on, and what changed
  xenabi diff 4.17 4.22                  what changed; status 1 if a stable interface broke
  xenabi export --arch aarch64           everything, as JSON

Status: 0 for an answer, 1 if nothing was found or a stable interface broke, 2 for an error."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the layout of a type, all architectures side by side
    Layout(ask::layout::Layout),
    /// Find types, members and constants by a part of their names
    Find(ask::find::Find),
    /// Show the value of a constant
    Const(ask::constant::Const),
    /// Find the constants that have a value
    Value(ask::value::Value),
    /// Say what an error number or grant status means
    Explain(ask::explain::Explain),
    /// List the types that have members of a type, and the typedefs of it
    Uses(ask::uses::Uses),
    /// Say since when something is in the ABI, and what changed in it
    Since(ask::since::Since),
    /// Show what changed between two releases; status 1 if a stable interface broke
    Diff(ask::diff::Diff),
    /// Print the whole ABI of one release and architecture as data
    Export(ask::export::Export),
    /// List the releases and architectures that are known
    Releases(ask::releases::Releases),
    /// Print a script that completes commands in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Parses the command line and runs the command.
pub(crate) fn run(trees: Option<Trees>) -> Result<Outcome, Error> {
    match Cli::parse().command {
        Command::Layout(command) => command.run(trees),
        Command::Find(command) => command.run(),
        Command::Const(command) => command.run(trees),
        Command::Value(command) => command.run(trees),
        Command::Explain(command) => command.run(trees),
        Command::Uses(command) => command.run(trees),
        Command::Since(command) => command.run(),
        Command::Diff(command) => command.run(trees),
        Command::Export(command) => command.run(trees),
        Command::Releases(command) => command.run(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "xenabi", &mut script);
            print(&String::from_utf8_lossy(&script))?;
            Ok(Outcome::Yes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
