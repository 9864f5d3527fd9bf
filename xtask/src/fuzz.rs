//! `cargo xtask fuzz`: libFuzzer looks for input with which a hostile hypervisor or peer breaks a promise.

use crate::install::Install;
use crate::need::{self, Need};
use crate::toolchain::NIGHTLY;
use crate::{Error, process, tool, workspace};

/// What it needs.
pub(crate) const NEEDS: &[Need] = &[Need::Nightly, Need::Tool(&tool::FUZZ)];

/// The targets: binaries of the package `xen-fuzz`.
const TARGETS: [&str; 5] = ["drivers", "hypervisor", "peer", "rings", "xenstore"];

/// Options of `fuzz`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask fuzz                                    all targets, 60 seconds each\n  \
    cargo xtask fuzz --target hypervisor --seconds 3600\n\n\
    fuzz/corpus keeps the inputs that reach new code, for the next run. fuzz/artifacts gets inputs\n\
    that fail; the message says how to run one again. `cargo fuzz` does more: cmin, tmin, coverage.")]
pub(crate) struct Options {
    /// Only this target
    #[arg(long, value_name = "TARGET", value_parser = clap::builder::PossibleValuesParser::new(TARGETS))]
    target: Option<String>,
    /// How long to fuzz each target
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
}

impl Options {
    /// As long as a run of all tests can wait for.
    pub(crate) const SHORT: Self = Self { target: None, seconds: 10 };
}

/// Fuzzes one target after the other.
pub(crate) fn run(options: &Options, install: Install) -> Result<(), Error> {
    need::provide(NEEDS, install)?;
    let wanted = |target: &&str| options.target.as_deref().is_none_or(|only| only == *target);
    TARGETS.into_iter().filter(wanted).try_for_each(|target| fuzz(target, options.seconds))
}

fn fuzz(target: &str, seconds: u32) -> Result<(), Error> {
    let mut command = tool::FUZZ.command()?;
    command.args(["run", target, "--features", "libfuzzer"]);
    command.arg("--target-dir").arg(workspace::scratch("fuzz")?);
    command.args(["--", &format!("-max_total_time={seconds}")]);
    // A frame that may still be mapped is leaked on purpose.
    command.env("ASAN_OPTIONS", "detect_leaks=0");
    // cargo-fuzz has no option for the toolchain.
    command.env("RUSTUP_TOOLCHAIN", NIGHTLY).env_remove("CARGO").env_remove("RUSTC");
    process::captured(&format!("fuzz {target} {seconds} s"), &mut command).map(drop)
}
