//! `cargo xtask verify`: regenerates the ABI of every release and checks it.

use crate::install::Install;
use crate::need::{self, Need};
use crate::{Error, process, setup, workspace};

/// What it needs.
pub(crate) const NEEDS: &[Need] = &[Need::Packages(setup::For::Headers)];

/// Options of `verify`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask verify           check everything, the documented figures too\n  \
    cargo xtask verify --write   write the figures to docs/figures/verify.txt")]
pub(crate) struct Options {
    /// Write the figures that the documentation shows
    #[arg(long)]
    write: bool,
}

/// Obtains headers and tools, regenerates everything, compares it with what is checked in, has rustc
/// evaluate the proofs and C compilers check the figures, and prints one table.
pub(crate) fn run(options: &Options, install: Install) -> Result<(), Error> {
    need::provide(NEEDS, install)?;
    // A program of its own: it links the generator, which takes a minute to build, and what is missing
    // should be reported before that.
    let mut command = workspace::cargo()?;
    command.args(["run", "--features", workspace::FEATURES, "--bin", "verify", "--"]);
    command.args(options.write.then_some("--write"));
    process::open("verify", &mut command).map(drop)
}
