//! `cargo xtask`: the developer commands of this workspace. See `cargo xtask --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::main()
}
