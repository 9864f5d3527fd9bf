//! Xen's public headers to Rust and to records.

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use xen_codegen::cli::{self, Outcome};

fn main() -> ExitCode {
    match cli::run() {
        Ok(Outcome::Good) => ExitCode::SUCCESS,
        Ok(Outcome::Different) => ExitCode::FAILURE,
        Err(error) => {
            let style = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
            anstream::eprintln!("{style}error{style:#}: {error}");
            ExitCode::FAILURE
        }
    }
}
