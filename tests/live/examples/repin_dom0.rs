//! Prints a fresh `dom0.toml` entry: the files that are pinned for one release, for another or the
//! same one.
//!
//!     cargo run -p xen-headers --example repin_dom0 -- linux 4.20 amd64 4.20 trixie

use std::collections::BTreeMap;
use std::env;
use std::process::ExitCode;

use xen_headers::{Collection, Error, Options};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (kind, known, release, suite) = match arguments[..] {
        ["linux", like, arch, release, suite] => {
            ("linux", Collection::linux(like, arch), release, suite)
        }
        ["toolstack", like, arch, release, suite] => {
            ("toolstack", Collection::toolstack(like, arch), release, suite)
        }
        _ => {
            eprintln!(
                "usage: repin_dom0 linux|toolstack KNOWN_RELEASE ARCH RELEASE SUITE, for example: \
                 linux 4.20 amd64 4.20 trixie"
            );
            return ExitCode::from(2);
        }
    };
    match known.and_then(|known| fresh(kind, known, release, suite)) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("repin_dom0: {error}");
            ExitCode::FAILURE
        }
    }
}

fn fresh(kind: &str, known: &Collection, release: &str, suite: &str) -> Result<String, Error> {
    let options = Options { progress: &|line| eprintln!("{line}"), ..Options::from_env() };
    let found = known.current(release, suite, &options)?;
    let list = BTreeMap::from([(kind, [found])]);
    Ok(toml::to_string(&list).expect("pins are plain tables and words"))
}
