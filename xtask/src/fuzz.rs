//! `cargo xtask fuzz`: libFuzzer plays the hostile hypervisor and the hostile peer.

use std::process::Command;

use crate::progress::{Outcome, Step};
use crate::{Error, process, toolchain, workspace};

/// Sanitizers and libFuzzer's instrumentation are part of the nightly toolchain only.
const TOOLCHAIN: &str = "nightly";

/// What libFuzzer needs to see where an execution goes, and the address sanitizer.
const RUSTFLAGS: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Zsanitizer=address -Cdebug-assertions --cfg fuzzing";

/// The targets: binaries of the package `xen-fuzz`.
const TARGETS: [&str; 2] = ["hypervisor", "peer"];

/// Options of `fuzz`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask fuzz                                    both targets, 60 seconds each\n  \
    cargo xtask fuzz --target hypervisor --seconds 3600\n\n\
    What libFuzzer has found is kept below target/fuzz and used again. Input that fails is\n\
    written there too.")]
pub(crate) struct Options {
    /// Only this target
    #[arg(long, value_name = "TARGET", value_parser = clap::builder::PossibleValuesParser::new(TARGETS))]
    target: Option<String>,
    /// How long, for each target
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
}

impl Options {
    /// As long as a run of all tests can wait for.
    pub(crate) const SHORT: Self = Self { target: None, seconds: 10 };
}

/// Fuzzes, or says why that cannot be done here.
pub(crate) fn run(options: &Options) -> Result<Outcome, Error> {
    if let Err(reason) = toolchain::ensure_toolchain(TOOLCHAIN) {
        let outcome = Outcome::Skipped(reason);
        Step::start("fuzz").end(&outcome);
        return Ok(outcome);
    }
    let wanted = |target: &&str| options.target.as_deref().is_none_or(|only| only == *target);
    for target in TARGETS.into_iter().filter(wanted) {
        fuzz(target, options.seconds)?;
    }
    Ok(Outcome::Ok)
}

fn fuzz(target: &str, seconds: u32) -> Result<(), Error> {
    let directory = workspace::scratch(&format!("fuzz/{target}"))?;
    let mut command = Command::new("rustup");
    command.args(["run", TOOLCHAIN, "cargo", "run", "--release", "--package", "xen-fuzz"]);
    // Naming the host as a target keeps the flags from build scripts and macros.
    command.args(["--features", "libfuzzer", "--bin", target]);
    command.args(["--target", &toolchain::host()?]);
    command.arg("--target-dir").arg(workspace::scratch("fuzz")?).current_dir(workspace::root()?);
    command.arg("--").arg(&directory).arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-artifact_prefix={}/failed-", directory.display()));
    command.env("RUSTFLAGS", RUSTFLAGS);
    process::captured(&format!("fuzz {target} {seconds} s"), &mut command).map(drop)
}
