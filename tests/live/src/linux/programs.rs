//! Our own programs for Linux, built when they are first needed.

use std::path::{Path, PathBuf};

use crate::{Arch, Error, guest};

/// Rust's name of the target whose programs need no library.
fn target(arch: Arch) -> Result<&'static str, Error> {
    match arch {
        Arch::X86_64 => Ok("x86_64-unknown-linux-musl"),
        Arch::Aarch64 => Ok("aarch64-unknown-linux-musl"),
        Arch::Arm => Ok("armv7-unknown-linux-musleabihf"),
        Arch::X86_32 | Arch::Riscv64 | Arch::Ppc64le => Err(Error::NoSuchRow(arch.to_string())),
    }
}

/// A program of `tests/dom0`, for an architecture.
pub(crate) fn program(name: &str, arch: Arch) -> Result<PathBuf, Error> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("dom0");
    let release = guest::build(&source, target(arch)?, "dom0")?;
    Ok(release.join(name))
}
