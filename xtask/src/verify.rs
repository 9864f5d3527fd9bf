//! `cargo xtask verify`: the main job.

use crate::{Error, process, setup, workspace};

/// Obtains headers and tools, regenerates everything, checks drift, has rustc evaluate the proofs and
/// C compilers judge the figures, and prints one table.
pub(crate) fn run() -> Result<(), Error> {
    setup::ensure(setup::For::Headers)?;
    // A program of its own: it links the generator, which takes a minute to build, and nobody
    // should wait for that before learning what is missing.
    let mut command = workspace::cargo()?;
    command.args(["run", "-p", "xen-layouts", "--bin", "verify"]);
    process::open("verify", &mut command).map(drop)
}
