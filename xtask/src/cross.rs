//! `cargo xtask cross`: xen-abi and the crates over it on every architecture, with and without an operating system,
//! and xen-linux on Linux.
//!
//! Checking is enough: the proofs are constants, which `cargo check` evaluates.

use std::time::Duration;

use devtools::Table;

use crate::install::Install;
use crate::need::Need;
use crate::progress::seconds;
use crate::toolchain::TARGETS;
use crate::{Error, process, toolchain, workspace};

/// What it needs.
pub(crate) const NEEDS: &[Need] = &[Need::Targets(&TARGETS)];

/// A check: its name, cargo's arguments, and which targets it is done for.
type Check = (&'static str, &'static [&'static str], fn(&str) -> bool);

/// xen-abi with nothing, and the crates that need no operating system, where an architecture has a target without
/// one; xen-abi with everything, and xen-linux, on Linux.
const CHECKS: [Check; 3] = [
    ("none", &["--package", "xen-abi", "--no-default-features"], is_bare),
    (
        "crates",
        &[
            "--package",
            "xen-ops",
            "--package",
            "xen-guest",
            "--package",
            "xen-io",
            "--package",
            "xen-toolstack",
            "--features",
            "xen-io/alloc,xen-guest/qemu",
        ],
        is_bare,
    ),
    (
        "linux",
        &["--package", "xen-abi", "--package", "xen-linux", "--features", "xen-abi/full"],
        is_linux,
    ),
];

/// Has no operating system, or is of the architecture that has no such target.
fn is_bare(target: &str) -> bool {
    !is_linux(target) || target.starts_with("i686")
}

fn is_linux(target: &str) -> bool {
    target.contains("linux")
}

/// Options of `cross`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask cross                                 every target, all checks\n  \
    cargo xtask cross --target aarch64-unknown-none   one target\n\n\
    Missing targets are installed through rustup, if there is one.")]
pub(crate) struct Options {
    /// Only this target; may be repeated
    #[arg(long, value_name = "TARGET", value_parser = clap::builder::PossibleValuesParser::new(TARGETS))]
    target: Vec<String>,
}

/// Does every check for every target and prints what each took.
pub(crate) fn run(options: &Options, install: Install) -> Result<(), Error> {
    let wanted =
        |target: &&str| options.target.is_empty() || options.target.iter().any(|t| t == target);
    let targets = TARGETS.into_iter().filter(wanted).collect::<Vec<_>>();
    toolchain::ensure_targets(&targets, install)?;

    let [a, b, c] = CHECKS.map(|(name, ..)| name);
    let mut table = Table::new(["target", a, b, c, "all"]);
    let mut total = Duration::ZERO;
    for target in targets {
        let mut times = Vec::new();
        for (name, arguments, is_wanted) in CHECKS {
            times.push(is_wanted(target).then(|| check(target, name, arguments)).transpose()?);
        }
        let all = times.iter().flatten().sum();
        total += all;
        times.push(Some(all));
        let times = times.into_iter().map(|time| time.map_or("-".to_owned(), seconds));
        table.row([target.to_owned()].into_iter().chain(times));
    }
    table.print();
    println!("{}", seconds(total));
    Ok(())
}

fn check(target: &str, name: &str, arguments: &[&str]) -> Result<Duration, Error> {
    let mut command = workspace::cargo()?;
    command.args(["check", "--target", target]).args(arguments);
    // A directory of its own: these builds and the others would replace each other's shared
    // dependencies, whose features differ.
    command.arg("--target-dir").arg(workspace::scratch("cross")?);
    // Incremental data costs a third of the time.
    command.env("CARGO_INCREMENTAL", "0");
    process::captured(&format!("{target} {name}"), &mut command)
}
