//! Our kernels, and programs for other targets: built when they are first needed.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::{Arch, Error};

/// What this process has built, by source and target.
static BUILT: Mutex<BTreeMap<(PathBuf, &str), PathBuf>> = Mutex::new(BTreeMap::new());

/// The kernel for an architecture, as its loader wants it.
pub(crate) fn kernel(arch: Arch) -> Result<PathBuf, Error> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("guest");
    Ok(build(&source, target(arch)?, "guest")?.join("xen-test-kernel"))
}

/// Builds the package of a kernel, in the directory `source` below the repository, for an architecture
/// without an operating system. Returns the directory with its programs.
///
/// # Errors
///
/// [`Error::Guest`] if it does not build, [`Error::NoSuchRow`] for an architecture whose kernels are not
/// booted.
pub fn build_kernel(source: &str, arch: Arch) -> Result<PathBuf, Error> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
    let name = source.replace('/', "-");
    build(&root.join(source), target(arch)?, &name)
}

/// Rust's name of the target without an operating system.
fn target(arch: Arch) -> Result<&'static str, Error> {
    match arch {
        Arch::X86_64 => Ok("x86_64-unknown-none"),
        Arch::Aarch64 => Ok("aarch64-unknown-none"),
        Arch::Arm => Ok("armv7a-none-eabi"),
        // There is none of it.
        Arch::X86_32 => Ok("i686-unknown-linux-musl"),
    }
}

/// Builds the package in the directory `source`, below our directory `name`, and returns the directory
/// with its programs.
pub(crate) fn build(source: &Path, target: &'static str, name: &str) -> Result<PathBuf, Error> {
    // One at a time: cargo would have the others wait anyway.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = built.get(&(source.to_owned(), target)) {
        return Ok(path.clone());
    }
    let target_dir = target_dir().join(name);
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--release", "--target", target, "--target-dir"]).arg(&target_dir);
    // Flags for the host's own builds would take the place of the target's.
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        command.env_remove(variable);
    }
    let output = command.current_dir(source).stdin(Stdio::null()).output();
    let output = output.map_err(Error::file(source))?;
    if !output.status.success() {
        let output = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
        return Err(Error::Guest { target, output });
    }
    let path = target_dir.join(target).join("release");
    built.insert((source.to_owned(), target), path.clone());
    Ok(path)
}

/// The directory for what live tests leave: below cargo's target directory.
pub(crate) fn target_dir() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
    let target = env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty());
    root.join(target.unwrap_or_else(|| "target".into())).join("xen-live")
}
