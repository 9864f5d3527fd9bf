//! The command `xenabi`: questions about Xen's public ABI.
//!
//! The library is there so that a program that can read header trees too asks the same questions of them.
//! It promises nothing: use the program, or the crate `xen-records`.

mod ask;
mod cli;
mod error;
mod input;
mod print;
mod table;
mod trees;

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

pub use trees::{TreeError, Trees};

/// Runs the command that the program's arguments name, and prints its answer or the error. Without `trees`
/// a question about a header tree or a revision is an error.
#[must_use]
pub fn run(trees: Option<Trees>) -> ExitCode {
    match cli::run(trees) {
        Ok(cli::Outcome::Yes) => ExitCode::SUCCESS,
        Ok(cli::Outcome::No) => ExitCode::from(1),
        Err(error) => {
            let style = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
            anstream::eprintln!("{style}error{style:#}: {error}");
            ExitCode::from(2)
        }
    }
}
