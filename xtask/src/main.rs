//! The developer commands of this workspace, one file each, run as `cargo xtask COMMAND`.
//!
//! | command       | file           | what it does                                                  |
//! |---------------|----------------|---------------------------------------------------------------|
//! | `setup`       | `setup/`       | installs, or names, the system packages the others need       |
//! | `verify`      | `verify.rs`    | the main job: regenerate everything and compare               |
//! | `cross`       | `cross.rs`     | `cargo check` of xen-abi and xen-ops for every target         |
//! | `live`        | `live.rs`      | real hypervisors, booted with our own guest                   |
//! | `loom`        | `loom.rs`      | every interleaving of the lock-free protocols                 |
//! | `miri`        | `miri.rs`      | xen-ops and xen-sim under Miri                              |
//! | `fuzz`        | `fuzz.rs`      | a hostile hypervisor and a hostile peer, by libFuzzer         |
//! | `examples`    | `examples.rs`  | every example, run                                            |
//! | `compare`       | `peers.rs`     | others' ways to grants from user space, beside ours           |
//! | `test`        | `test.rs`      | everything, in the order in which it fails soonest            |
//! | `bench-build` | `bench_build/` | clean builds of xen-abi beside its peers                      |
//!
//! Results go to standard output, progress to standard error. The exit status is 0 for success, 1
//! for a failure and 2 for wrong usage.

mod bench_build;
mod cli;
mod compare;
mod cross;
mod error;
mod examples;
mod fuzz;
mod live;
mod loom;
mod miri;
mod process;
mod progress;
mod setup;
mod test;
mod toolchain;
mod verify;
mod workspace;

use std::process::ExitCode;

use error::Error;

fn main() -> ExitCode {
    cli::main()
}
