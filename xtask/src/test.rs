//! `cargo xtask test`: everything, and what takes longest last.

use std::process::Command;
use std::time::{Duration, Instant};

use devtools::Table;

use crate::progress::{Outcome, Step, seconds};
use crate::{
    Error, cross, examples, fuzz, live, loom, miri, process, setup, toolchain, verify, workspace,
};

/// Options of `test`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask test           everything; installs what is missing when run as root\n  \
    cargo xtask test --quick   only what needs neither system packages nor other targets")]
pub(crate) struct Options {
    /// Leave out what needs system packages, the network or other targets and toolchains
    #[arg(long)]
    quick: bool,
}

/// How a step is done.
enum Action {
    /// A cargo command that says something worth reading only when it fails.
    Quiet(&'static [&'static str]),
    /// A cargo command whose output goes through: the results of tests.
    Tests(&'static [&'static str]),
    /// Another command of ours, which prints its own lines.
    Ours(fn() -> Result<(), Error>),
    /// A check that needs another toolchain, which may not be there to be had.
    Optional(fn() -> Result<Outcome, Error>),
}

/// Which runs have a step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum In {
    /// All.
    Both,
    /// Only those without `--quick`.
    Full,
    /// Only those with it.
    Quick,
}

/// The features of tests that need what `setup` installs, and of optional integrations.
const HEADERS: &str =
    "xen-layouts/headers,xen-disassembly/targets,codegen/headers,xen-linux/vm-memory";

/// The same, and those of tests that `cargo xtask live` prepares.
const LINTED: &str = "xen-layouts/headers,xen-disassembly/targets,codegen/headers,\
    xen-linux/vm-memory,xen-live/boot";

/// The guest kernel, which is a workspace of its own.
const GUEST: &str = "tests/guest/Cargo.toml";

/// Other libraries' programs, likewise.
const COMPARE: &str = "tests/compare/Cargo.toml";

/// A step: the runs that have it, its name, what it does.
const STEPS: &[(In, &str, Action)] = &[
    (In::Full, "setup", Action::Ours(|| setup::run(&setup::Options::default()))),
    (In::Both, "fmt", Action::Quiet(&["fmt", "--all", "--check"])),
    (In::Both, "fmt guest", Action::Quiet(&["fmt", "--manifest-path", GUEST, "--check"])),
    (In::Both, "fmt compare", Action::Quiet(&["fmt", "--manifest-path", COMPARE, "--check"])),
    (
        In::Both,
        "clippy",
        Action::Quiet(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--features",
            LINTED,
            "--",
            "-D",
            "warnings",
        ]),
    ),
    (
        In::Both,
        "clippy xen-abi full",
        Action::Quiet(&["clippy", "-p", "xen-abi", "--features", "full", "--", "-D", "warnings"]),
    ),
    (
        In::Full,
        "doc xen-abi full",
        Action::Quiet(&["doc", "-p", "xen-abi", "--no-deps", "--features", "full"]),
    ),
    (In::Full, "doc", Action::Quiet(&["doc", "--workspace", "--no-deps"])),
    (In::Quick, "test", Action::Tests(&["test", "--workspace"])),
    (In::Full, "test", Action::Tests(&["test", "--workspace", "--features", HEADERS])),
    (
        In::Both,
        "test xen-abi none",
        Action::Tests(&["test", "-p", "xen-abi", "--no-default-features"]),
    ),
    (
        In::Both,
        "test xen-abi full",
        Action::Tests(&["test", "-p", "xen-abi", "--features", "full,foreign"]),
    ),
    (In::Full, "examples", Action::Ours(examples::run)),
    (In::Full, "verify", Action::Ours(verify::run)),
    (In::Full, "cross", Action::Ours(|| cross::run(&cross::Options::default()))),
    (In::Full, "live", Action::Ours(|| live::run(&live::Options::default()))),
    (
        In::Full,
        "clippy guest",
        Action::Quiet(&[
            "clippy",
            "--manifest-path",
            GUEST,
            "--target-dir",
            "target/xen-live/guest",
            "--release",
            "--target",
            "x86_64-unknown-none",
            "--target",
            "aarch64-unknown-none",
            "--target",
            "armv7a-none-eabi",
            "--",
            "-D",
            "warnings",
        ]),
    ),
    (
        In::Full,
        "test live",
        Action::Tests(&[
            "test",
            "-p",
            "xen-live",
            "--features",
            "boot",
            "--test",
            "guests",
            "--test",
            "linux",
            "--test",
            "domains",
        ]),
    ),
    (In::Full, "loom", Action::Ours(loom::run)),
    (In::Full, "miri", Action::Optional(miri::run)),
    (In::Full, "fuzz", Action::Optional(|| fuzz::run(&fuzz::Options::SHORT))),
    (In::Full, "msrv", Action::Optional(msrv)),
];

/// Runs the steps in order, stops at the first that fails, and ends with a table.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let start = Instant::now();
    let mut table = Table::new(["step", "seconds", "result"]);
    let mut result = Ok(());
    let left_out = if options.quick { In::Full } else { In::Quick };
    for (_, name, action) in STEPS.iter().filter(|(runs, ..)| *runs != left_out) {
        let start = Instant::now();
        let outcome = act(name, action);
        let word = outcome.as_ref().unwrap_or(&Outcome::Failed).word();
        table.row([(*name).to_owned(), figure(start.elapsed()), word]);
        if let Err(error) = outcome {
            result = Err(error);
            break;
        }
    }
    table.row(["all".to_owned(), figure(start.elapsed())]);
    println!();
    table.print();
    result
}

fn figure(duration: Duration) -> String {
    seconds(duration).trim_end_matches(" s").to_owned()
}

fn act(name: &str, action: &Action) -> Result<Outcome, Error> {
    match action {
        Action::Quiet(arguments) => process::captured(name, &mut cargo(arguments)?)?,
        Action::Tests(arguments) => process::open(name, &mut cargo(arguments)?)?,
        Action::Ours(function) => {
            let step = Step::announce(name);
            let result = function();
            let elapsed = step.end(if result.is_ok() { &Outcome::Ok } else { &Outcome::Failed });
            result.map(|()| elapsed)?
        }
        Action::Optional(function) => return function(),
    };
    Ok(Outcome::Ok)
}

/// A cargo command in the environment that the checks want.
fn cargo(arguments: &[&str]) -> Result<Command, Error> {
    let mut command = workspace::cargo()?;
    command.args(arguments);
    match arguments[0] {
        "doc" => command.env("RUSTDOCFLAGS", "-D warnings"),
        // A snapshot that differs fails its test and is not written anew.
        "test" => command.env("CI", "true").env("INSTA_UPDATE", "no"),
        _ => &mut command,
    };
    Ok(command)
}

/// The check with the oldest Rust that is promised to work.
fn msrv() -> Result<Outcome, Error> {
    let version = workspace::msrv();
    if let Err(reason) = toolchain::ensure_toolchain(&version) {
        let outcome = Outcome::Skipped(reason);
        Step::start("msrv").end(&outcome);
        return Ok(outcome);
    }
    let mut command = Command::new("rustup");
    command.args(["run", &version, "cargo", "check", "-p", "xen-abi", "-p", "xen-ops"]);
    command.args(["-p", "xen-linux", "-p", "xen-sim"]);
    command.args(["--features", "xen-abi/full,xen-ops/alloc,xen-linux/vm-memory"]);
    command.arg("--target-dir").arg(workspace::scratch("msrv")?).current_dir(workspace::root()?);
    command.env("CARGO_INCREMENTAL", "0");
    process::captured(&format!("msrv {version}"), &mut command)?;
    Ok(Outcome::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_needs_nothing_but_rust() {
        for (runs, name, action) in STEPS {
            let heavy = match action {
                Action::Ours(_) | Action::Optional(_) => true,
                Action::Tests(arguments) => arguments.contains(&HEADERS),
                Action::Quiet(_) => false,
            };
            assert!(*runs == In::Full || !heavy, "{name}");
        }
    }

    #[test]
    fn tests_never_write_snapshots() {
        let command = cargo(&["test", "--workspace"]).unwrap();
        assert!(process::line(&command).contains("INSTA_UPDATE=no"));
    }
}
