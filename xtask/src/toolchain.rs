//! Rust's own parts: targets, components and other toolchains, through rustup where there is one.

use std::env;
use std::ffi::OsString;
use std::process::Command;

use devtools::has_target;

use crate::{Error, process, workspace};

/// Whether rustup can be asked to install things.
pub(crate) fn has_rustup() -> bool {
    process::succeeds(Command::new("rustup").arg("--version"))
}

/// The target that programs are built for if none is named.
pub(crate) fn host() -> Result<String, Error> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let version = process::answer(Command::new(rustc).arg("-vV")).unwrap_or_default();
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| Error::Unexpected("`rustc -vV` does not name the host".to_owned()))
}

/// Installs the targets that are missing, or says which ones are.
pub(crate) fn ensure_targets(targets: &[&str]) -> Result<(), Error> {
    let missing = targets.iter().copied().filter(|t| !has_target(t)).collect::<Vec<_>>();
    if missing.is_empty() {
        return Ok(());
    }
    if has_rustup() {
        let mut command = Command::new("rustup");
        command.args(["target", "add"]).args(&missing);
        process::captured("rustup target add", &mut command)?;
    }
    match missing.into_iter().filter(|t| !has_target(t)).collect::<Vec<_>>().join(" ") {
        none if none.is_empty() => Ok(()),
        still => Err(Error::Missing {
            what: format!("Rust's core library for {still}"),
            remedy: format!(
                "install rustup and run `rustup target add {still}`, or install your \
                 distribution's packages of these targets for the rustc on PATH"
            ),
        }),
    }
}

/// Installs rustfmt and clippy if they are missing, or says which one is.
pub(crate) fn ensure_components() -> Result<(), Error> {
    for (component, subcommand) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        let has = || -> Result<bool, Error> {
            Ok(process::succeeds(workspace::cargo()?.args([subcommand, "--version"])))
        };
        if has()? {
            continue;
        }
        if has_rustup() {
            let mut command = Command::new("rustup");
            command.args(["component", "add", component]);
            process::captured(&format!("rustup component add {component}"), &mut command)?;
        }
        if !has()? {
            return Err(Error::Missing {
                what: format!("`cargo {subcommand}`"),
                remedy: format!(
                    "run `rustup component add {component}` or install your distribution's \
                     package of it"
                ),
            });
        }
    }
    Ok(())
}

/// Makes a toolchain available through `rustup run`, or says in a few words why it is not.
pub(crate) fn ensure_toolchain(name: &str) -> Result<(), String> {
    if !has_rustup() {
        return Err(format!("no rustup to install Rust {name} with"));
    }
    let mut probe = Command::new("rustup");
    // Never install behind the user's back: that is the next step, which shows itself.
    probe.args(["run", name, "rustc", "--version"]).env("RUSTUP_AUTO_INSTALL", "0");
    if process::succeeds(&mut probe) {
        return Ok(());
    }
    let mut install = Command::new("rustup");
    install.args(["toolchain", "install", name, "--profile", "minimal", "--no-self-update"]);
    process::captured(&format!("rustup toolchain install {name}"), &mut install)
        .map(drop)
        .map_err(|_| format!("rustup cannot install Rust {name}"))
}

/// Makes Miri available in a toolchain, or says in a few words why it is not.
pub(crate) fn ensure_miri(name: &str) -> Result<(), String> {
    ensure_toolchain(name)?;
    let has = || {
        let mut probe = Command::new("rustup");
        process::succeeds(probe.args(["run", name, "cargo", "miri", "--version"]))
    };
    if has() {
        return Ok(());
    }
    let mut add = Command::new("rustup");
    add.args(["component", "add", "--toolchain", name, "miri", "rust-src"]);
    match process::captured("rustup component add miri", &mut add) {
        Ok(_) if has() => Ok(()),
        _ => Err(format!("rustup cannot add Miri to Rust {name}")),
    }
}
