//! The developer commands of this workspace, one file each, run as `cargo xtask COMMAND`.
//!
//! | command       | file            | what it does                                               |
//! |---------------|-----------------|------------------------------------------------------------|
//! | `test`        | `test/`         | every check in steps, side by side where they can          |
//! | `setup`       | `setup/`        | installs, or names, the system packages the others need    |
//! | `verify`      | `verify.rs`     | generates every release again, compares and proves         |
//! | `cross`       | `cross.rs`      | `cargo check` for every target                             |
//! | `features`    | `features.rs`   | every cargo feature, by cargo-hack                         |
//! | `deny`        | `deny.rs`       | licences, sources and users of dependencies, by cargo-deny |
//! | `doc`         | `doc.rs`        | the documentation, as docs.rs makes it                     |
//! | `public-api`  | `public_api.rs` | the public API beside its listings, read by public-api      |
//! | `package`     | `package/`      | what crates.io would get, and its users' lock files        |
//! | `release`     | `release.rs`    | everything before a release but publishing                 |
//! | `examples`    | `examples.rs`   | every example, run                                         |
//! | `i686`        | `i686.rs`       | the tests of the crates as programs of 32 bits             |
//! | `live`        | `live.rs`       | real hypervisors, booted with our own guest                |
//! | `loom`        | `loom.rs`       | every interleaving of the lock-free protocols              |
//! | `miri`        | `miri.rs`       | undefined behaviour                                        |
//! | `fuzz`        | `fuzz.rs`       | a hostile hypervisor and a hostile peer, by cargo-fuzz     |
//! | `mutants`     | `mutants/`      | changes of single lines that a test must notice            |
//! | `compare`     | `compare.rs`    | other libraries over grants from user space                |
//! | `adopters`    | `adopters/`     | other projects' crates, with their tests, over xen-abi     |
//! | `bench-build` | `bench_build/`  | clean builds of xen-abi and of comparable crates           |
//! | `bench-tool`  | `bench_tool.rs` | calls of xenabi beside pahole, and its installation        |
//! | `atlas`       | `atlas.rs`      | the static site over the records                           |
//!
//! What a command needs is in its `NEEDS` (`need.rs`). Cargo subcommands from crates.io are pinned in
//! `tool.rs`. Nothing is installed without a line that says so (`install.rs`).
//!
//! Results go to standard output, progress to standard error. The exit status is 0 for success, 1
//! for a failure and 2 for wrong usage.

mod adopters;
mod atlas;
mod bench_build;
mod bench_tool;
mod book;
mod cli;
mod compare;
mod cpu;
mod cross;
mod deny;
mod doc;
mod error;
mod examples;
mod features;
mod fuzz;
mod i686;
mod install;
mod live;
mod loom;
mod miri;
mod mutants;
mod need;
mod package;
mod process;
mod progress;
mod public_api;
mod release;
mod setup;
mod test;
mod tool;
mod toolchain;
mod verify;
mod workspace;

use std::process::ExitCode;

use error::Error;

fn main() -> ExitCode {
    cli::main()
}
