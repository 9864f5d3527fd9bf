//! `cargo xtask test`: everything, and what takes longest last.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::progress::{Outcome, Step, seconds};
use crate::table::Table;
use crate::{Error, cross, process, setup, toolchain, verify, workspace};

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
    /// The check with the oldest Rust that is promised to work.
    Msrv,
}

/// A step: whether `--quick` has it too, its name, what it does.
const STEPS: &[(bool, &str, Action)] = &[
    (false, "setup", Action::Ours(|| setup::run(&setup::Options::default()))),
    (true, "fmt", Action::Quiet(&["fmt", "--all", "--check"])),
    (
        true,
        "clippy",
        Action::Quiet(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    ),
    (
        true,
        "clippy xen-abi full",
        Action::Quiet(&[
            "clippy",
            "-p",
            "xen-abi",
            "--all-targets",
            "--features",
            "full",
            "--",
            "-D",
            "warnings",
        ]),
    ),
    (
        false,
        "doc xen-abi full",
        Action::Quiet(&["doc", "-p", "xen-abi", "--no-deps", "--features", "full"]),
    ),
    (false, "doc", Action::Quiet(&["doc", "--workspace", "--no-deps"])),
    (true, "test", Action::Tests(&["test", "--workspace"])),
    (true, "test xen-abi none", Action::Tests(&["test", "-p", "xen-abi", "--no-default-features"])),
    (true, "test xen-abi full", Action::Tests(&["test", "-p", "xen-abi", "--features", "full"])),
    (
        false,
        "test headers",
        Action::Tests(&["test", "-p", "xen-abi-tests", "--features", "headers"]),
    ),
    (false, "verify", Action::Ours(verify::run)),
    (false, "cross", Action::Ours(|| cross::run(&cross::Options::default()))),
    (false, "msrv", Action::Msrv),
];

/// Runs the steps in order, stops at the first that fails, and ends with a table.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let start = Instant::now();
    let mut table = Table::new(["step", "seconds", "result"]);
    let mut result = Ok(());
    for (_, name, action) in STEPS.iter().filter(|(quick, ..)| *quick || !options.quick) {
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
        Action::Msrv => return msrv(name),
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

fn msrv(name: &str) -> Result<Outcome, Error> {
    let version = workspace::msrv();
    if let Err(reason) = toolchain::ensure_toolchain(&version) {
        let outcome = Outcome::Skipped(reason);
        Step::start(name).end(&outcome);
        return Ok(outcome);
    }
    let mut command = Command::new("rustup");
    command.args(["run", &version, "cargo", "check", "-p", "xen-abi", "--features", "full"]);
    command.arg("--target-dir").arg(workspace::scratch("msrv")?).current_dir(workspace::root()?);
    command.env("CARGO_INCREMENTAL", "0");
    process::captured(&format!("{name} {version}"), &mut command)?;
    Ok(Outcome::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_needs_nothing_but_rust() {
        for (quick, name, action) in STEPS {
            let heavy = matches!(action, Action::Ours(_) | Action::Msrv);
            assert!(!(*quick && heavy), "{name}");
        }
    }

    #[test]
    fn tests_never_write_snapshots() {
        let command = cargo(&["test", "--workspace"]).unwrap();
        assert!(process::line(&command).contains("INSTA_UPDATE=no"));
    }
}
