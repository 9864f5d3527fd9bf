//! Prints fresh entries for `linux.toml`.
//!
//!     cargo run -p xen-headers --example repin_linux -- trixie

use std::env;
use std::process::ExitCode;

use xen_headers::{Options, linux_pins};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [suite] = &arguments[..] else {
        eprintln!("usage: repin_linux SUITE, for example: repin_linux trixie");
        return ExitCode::from(2);
    };
    let options = Options { progress: &|line| eprintln!("{line}"), ..Options::from_env() };
    for (index, pin) in linux_pins().iter().enumerate() {
        match pin.current(suite, &options) {
            Ok(found) => print!("{}{}", if index > 0 { "\n" } else { "" }, found.to_toml()),
            Err(error) => {
                eprintln!("repin_linux: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
