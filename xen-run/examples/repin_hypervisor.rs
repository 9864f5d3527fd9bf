//! Prints a fresh entry for `hypervisors.toml`.
//!
//!     cargo run -p xen-run --example repin_hypervisor -- 4.20 trixie aarch64

use std::env;
use std::process::ExitCode;

use debian_packages::Options;
use xen_run::{Arch, Hypervisor};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [release, suite, arch] = &arguments[..] else {
        eprintln!("usage: repin_hypervisor RELEASE SUITE ARCH, for example: 4.20 trixie aarch64");
        return ExitCode::from(2);
    };
    let arch: Arch = match arch.parse() {
        Ok(arch) => arch,
        Err(error) => {
            eprintln!("repin_hypervisor: {error}");
            return ExitCode::from(2);
        }
    };
    let options = Options { progress: &|line| eprintln!("{line}"), ..Options::from_env() };
    match Hypervisor::current(release, suite, arch, &options) {
        Ok(found) => {
            print!("{}", found.to_toml());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("repin_hypervisor: {error}");
            ExitCode::FAILURE
        }
    }
}
