//! Answers questions about Xen's public ABI.

mod ask;
mod cli;
mod error;
mod input;
mod print;
mod table;
#[cfg(feature = "headers")]
mod trees;

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

fn main() -> ExitCode {
    match cli::run() {
        Ok(cli::Outcome::Yes) => ExitCode::SUCCESS,
        Ok(cli::Outcome::No) => ExitCode::from(1),
        Err(error) => {
            let style = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
            anstream::eprintln!("{style}error{style:#}: {error}");
            ExitCode::from(2)
        }
    }
}
