//! Prints a fresh `dom0.toml` entry: the files that are pinned for one release, for another or the
//! same one.
//!
//!     cargo run -p xen-run --example repin_dom0 -- linux 4.20 x86_64 4.20 trixie

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::process::ExitCode;

use debian_packages::Options;
use xen_run::{Arch, Dom0Files};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [kind, like, arch, release, suite] = &arguments[..] else {
        eprintln!(
            "usage: repin_dom0 linux|toolstack KNOWN_RELEASE ARCH RELEASE SUITE, for example: \
             linux 4.20 x86_64 4.20 trixie"
        );
        return ExitCode::from(2);
    };
    match fresh(kind, like, arch, release, suite) {
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

fn fresh(
    kind: &str,
    like: &str,
    arch: &str,
    release: &str,
    suite: &str,
) -> Result<String, Box<dyn Error>> {
    let arch: Arch = arch.parse()?;
    let known = match kind {
        "linux" => Dom0Files::linux(like, arch)?,
        "toolstack" => Dom0Files::toolstack(like, arch)?,
        _ => return Err(format!("{kind:?} is neither linux nor toolstack").into()),
    };
    let options = Options { progress: &|line| eprintln!("{line}"), ..Options::from_env() };
    let found = known.current(release, suite, &options)?;
    Ok(toml::to_string(&BTreeMap::from([(kind, [found])]))?)
}
