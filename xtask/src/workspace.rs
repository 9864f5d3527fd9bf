//! Where the workspace is, and its cargo.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::Error;

macro_rules! linted {
    () => {
        "xen-layouts/headers,xen-rings/headers,xen-disassembly/targets,codegen/headers,xenabi-headers/headers,\
         xen-linux/vm-memory,xen-io/embedded-io,xen-io/std,xen-abi/full"
    };
}

/// The features with which the workspace is linted: those of tests that need what `setup` installs, and those of
/// optional integrations.
pub(crate) const LINTED: &str = linted!();

/// The features with which it is tested: the same, and what else xen-abi has.
///
/// Commands that select all members with these features share what was built. With `-p` alone cargo would choose
/// other features of common dependencies and build these once more.
pub(crate) const FEATURES: &str =
    concat!(linted!(), ",xen-abi/foreign,xen-abi/std,xen-abi/vm-memory");

/// The workspace's root directory.
///
/// Taken from the environment that `cargo run` sets, else from the current directory upwards: a
/// path fixed at compile time would be wrong in a tree that has been moved.
pub(crate) fn root() -> Result<PathBuf, Error> {
    let start = match env::var_os("CARGO_MANIFEST_DIR") {
        Some(directory) => PathBuf::from(directory),
        None => env::current_dir().map_err(Error::file("."))?,
    };
    let is_root = |path: &&Path| path.join("xtask/Cargo.toml").is_file();
    match start.ancestors().find(is_root) {
        Some(root) => Ok(root.to_owned()),
        None => Err(Error::Unexpected(format!(
            "{} is not in a checkout of this workspace; run `cargo xtask` from inside one",
            start.display()
        ))),
    }
}

/// The directory for everything built: `CARGO_TARGET_DIR`, or `target` in the root.
pub(crate) fn target_dir() -> Result<PathBuf, Error> {
    Ok(match env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => root()?.join(directory),
        None => root()?.join("target"),
    })
}

/// A directory of our own below [`target_dir`], created.
pub(crate) fn scratch(name: &str) -> Result<PathBuf, Error> {
    let path = target_dir()?.join(name);
    std::fs::create_dir_all(&path).map_err(Error::file(&path))?;
    Ok(path)
}

/// The cargo that runs us, in the workspace's root.
pub(crate) fn cargo() -> Result<Command, Error> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()?);
    Ok(command)
}

/// The Rust version this workspace promises to build with, as a toolchain's name.
pub(crate) fn msrv() -> String {
    let version = env!("CARGO_PKG_RUST_VERSION");
    if version.matches('.').count() == 1 { format!("{version}.0") } else { version.to_owned() }
}

/// Removes a directory, if it is there.
pub(crate) fn remove(directory: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(directory) {
        Err(error) if directory.exists() => Err(Error::file(directory)(error)),
        _ => Ok(()),
    }
}

/// The files below a directory, by their paths from there.
pub(crate) fn files(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(below) = waiting.pop() {
        let here = directory.join(&below);
        for entry in here.read_dir().map_err(Error::file(&here))? {
            let entry = entry.map_err(Error::file(&here))?;
            let name = below.join(entry.file_name());
            let list = if entry.path().is_dir() { &mut waiting } else { &mut found };
            list.push(name);
        }
    }
    Ok(found)
}
