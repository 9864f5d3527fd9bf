//! The program: a runner for cargo.

mod console;
mod options;
mod run;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let options = options::Options::parse();
    match run::run(&options) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("xen-run: {error}");
            ExitCode::from(run::NOT_BOOTED)
        }
    }
}
