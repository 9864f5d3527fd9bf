//! Our own programs for Linux, built when they are first wanted.

use std::path::{Path, PathBuf};

use crate::{Arch, Error, guest};

/// Rust's name of the target whose programs need no library.
fn target(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "x86_64-unknown-linux-musl",
        Arch::Arm64 => "aarch64-unknown-linux-musl",
        Arch::Armhf => "armv7-unknown-linux-musleabihf",
    }
}

/// A program of `tests/dom0`, for an architecture.
pub(crate) fn program(name: &str, arch: Arch) -> Result<PathBuf, Error> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("dom0");
    let release = guest::build(&source, target(arch), "dom0")?;
    Ok(release.join(name))
}
