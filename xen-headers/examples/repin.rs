//! Prints a fresh entry for `pins.toml`.
//!
//!     cargo run -p xen-headers --example repin -- 4.20 trixie              # today's package
//!     cargo run -p xen-headers --example repin -- 4.20 trixie FILE.deb     # a package at hand

use std::env;
use std::path::Path;
use std::process::ExitCode;

use xen_headers::{Error, Options, Release, repin, repin_current};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let entry = match arguments[..] {
        [release, suite] => today(release, suite),
        [release, suite, deb] => repin(release, suite, Path::new(deb), &Options::from_env().cache),
        _ => {
            eprintln!("usage: repin RELEASE SUITE [FILE.deb], for example: repin 4.20 trixie");
            return ExitCode::from(2);
        }
    };
    match entry.map(|entry| entry.to_toml()) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("repin: {error}");
            ExitCode::FAILURE
        }
    }
}

fn today(release: &str, suite: &str) -> Result<Release, Error> {
    repin_current(
        release,
        suite,
        &Options { progress: &|line| eprintln!("{line}"), ..Options::from_env() },
    )
}
