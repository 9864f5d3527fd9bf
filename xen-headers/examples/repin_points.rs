//! Prints `points.toml` anew: upstream's releases as a clone of its repository has them.
//!
//!     cargo run -p xen-headers --example repin_points -- DIR > new.toml                 # those pinned
//!     cargo run -p xen-headers --example repin_points -- DIR 4.22.0 4.22.1 > new.toml   # these

use std::env;
use std::path::Path;
use std::process::ExitCode;

use xen_headers::{Options, pins, repin_points};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let Some(dir) = arguments.next() else {
        eprintln!(
            "usage: repin_points DIR [RELEASE...], for example: repin_points ~/src/xen 4.22.0"
        );
        return ExitCode::from(2);
    };
    let mut names: Vec<String> = arguments.collect();
    if names.is_empty() {
        names = pins().points().iter().map(|release| release.name.clone()).collect();
    }
    match repin_points(Path::new(&dir), &names, &Options::from_env()) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("repin_points: {error}");
            ExitCode::FAILURE
        }
    }
}
