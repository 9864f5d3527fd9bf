//! `cargo xtask atlas`: the static site over the records.

use std::path::PathBuf;

use crate::install::Install;
use crate::need::{self, Need};
use crate::{Error, process, setup, workspace};

/// What the test in a browser needs.
pub(crate) const NEEDS: &[Need] = &[Need::Packages(setup::For::Browser)];

/// Options of `atlas`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask atlas              write the site to target/atlas\n  \
    cargo xtask atlas --out site   write it elsewhere; what an earlier run wrote there is replaced\n  \
    cargo xtask atlas --test       read a fresh one in a headless browser")]
pub(crate) struct Options {
    /// The directory, which must be new, empty or an earlier atlas [default: target/atlas]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Test the site in a headless browser instead
    #[arg(long, conflicts_with = "out")]
    test: bool,
}

impl Options {
    /// Those of the step of `cargo xtask test`.
    pub(crate) const TEST: Self = Self { out: None, test: true };
}

/// Writes the site, or tests it.
pub(crate) fn run(options: &Options, install: Install) -> Result<(), Error> {
    let mut command = workspace::cargo()?;
    if options.test {
        need::provide(NEEDS, install)?;
        command.args([
            "test",
            "--features",
            workspace::FEATURES,
            "--features",
            "xen-atlas/browser",
            "--test",
            "browser",
        ]);
        return process::open("atlas in a browser", &mut command).map(drop);
    }
    let here = std::env::current_dir().map_err(Error::file("."))?;
    let out = match &options.out {
        Some(out) => here.join(out),
        None => workspace::target_dir()?.join("atlas"),
    };
    command.args(["run", "--quiet", "-p", "xen-atlas", "--", "--out"]).arg(out);
    process::open("atlas", &mut command).map(drop)
}
