//! Rust's own parts: targets, components and other toolchains, through rustup where there is one.

use std::process::Command;

use devtools::has_target;

use crate::install::Install;
use crate::{Error, process, workspace};

/// The toolchain that has Miri, sanitizers, and rustdoc's JSON and labels of features.
pub(crate) const NIGHTLY: &str = "nightly";

/// The targets that every crate is checked for: of each architecture one without an operating system and one with Linux.
///
/// x86_32 has Linux only. Rust's other target of it without an operating system,
/// i686-unknown-uefi, aligns 64-bit integers to 8 bytes where Xen's ABI has 4: the proofs fail
/// there, as they should.
pub(crate) const TARGETS: [&str; 7] = [
    "x86_64-unknown-none",
    "x86_64-unknown-linux-gnu",
    "i686-unknown-linux-gnu",
    "aarch64-unknown-none",
    "aarch64-unknown-linux-gnu",
    "armv7a-none-eabi",
    "armv7-unknown-linux-gnueabihf",
];

/// Whether rustup can be asked to install things.
pub(crate) fn has_rustup() -> bool {
    process::succeeds(Command::new("rustup").arg("--version"))
}

/// Installs the targets that are missing, or says which ones are.
pub(crate) fn ensure_targets(targets: &[&str], install: Install) -> Result<(), Error> {
    let missing = || targets.iter().copied().filter(|t| !has_target(t)).collect::<Vec<_>>();
    let before = missing();
    if before.is_empty() {
        return Ok(());
    }
    if has_rustup() {
        let names = before.join(" ");
        install.announce(
            &format!("Rust's core library for {names}"),
            "the crates are compiled for these targets",
            &format!("rustup target add {names}"),
        )?;
        let mut command = Command::new("rustup");
        command.args(["target", "add"]).args(&before);
        process::captured("rustup target add", &mut command)?;
    }
    match missing().join(" ") {
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
pub(crate) fn ensure_components(install: Install) -> Result<(), Error> {
    for (component, subcommand) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        let has = || -> Result<bool, Error> {
            Ok(process::succeeds(workspace::cargo()?.args([subcommand, "--version"])))
        };
        if has()? {
            continue;
        }
        let by_hand = format!("rustup component add {component}");
        if has_rustup() {
            install.announce(component, "formatting and lints are checked", &by_hand)?;
            let mut command = Command::new("rustup");
            command.args(["component", "add", component]);
            process::captured(&by_hand, &mut command)?;
        }
        if !has()? {
            return Err(Error::Missing {
                what: format!("`cargo {subcommand}`"),
                remedy: format!("run `{by_hand}` or install your distribution's package of it"),
            });
        }
    }
    Ok(())
}

/// Makes the oldest supported Rust available through `rustup run`, or says what to do.
pub(crate) fn ensure_msrv(install: Install) -> Result<(), Error> {
    ensure_toolchain(&workspace::msrv(), "the crates promise to compile with it", install)
}

/// Makes the nightly toolchain available through `rustup run`, or says what to do.
pub(crate) fn ensure_nightly(install: Install) -> Result<(), Error> {
    let why = "Miri, sanitizers, rustdoc's JSON and its labels of features exist there only";
    ensure_toolchain(NIGHTLY, why, install)
}

/// Makes Miri available in the nightly toolchain, or says what to do.
pub(crate) fn ensure_miri(install: Install) -> Result<(), Error> {
    ensure_nightly(install)?;
    let has = || {
        let mut probe = Command::new("rustup");
        process::succeeds(probe.args(["run", NIGHTLY, "cargo", "miri", "--version"]))
    };
    if has() {
        return Ok(());
    }
    let arguments = ["component", "add", "--toolchain", NIGHTLY, "miri", "rust-src"];
    let by_hand = format!("rustup {}", arguments.join(" "));
    install.announce("Miri", "tests run in it to find undefined behaviour", &by_hand)?;
    let mut add = Command::new("rustup");
    add.args(arguments);
    match process::captured("rustup component add miri", &mut add) {
        Ok(_) if has() => Ok(()),
        _ => Err(missing("Miri".to_owned(), &by_hand)),
    }
}

fn ensure_toolchain(name: &str, why: &str, install: Install) -> Result<(), Error> {
    let what = format!("Rust {name}");
    let arguments = ["toolchain", "install", name, "--profile", "minimal", "--no-self-update"];
    let by_hand = format!("rustup {}", arguments.join(" "));
    if !has_rustup() {
        let remedy = format!("install rustup and run `{by_hand}`");
        return Err(Error::Missing { what, remedy });
    }
    let mut probe = Command::new("rustup");
    // rustup would install it without a word.
    probe.args(["run", name, "rustc", "--version"]).env("RUSTUP_AUTO_INSTALL", "0");
    if process::succeeds(&mut probe) {
        return Ok(());
    }
    install.announce(&what, why, &by_hand)?;
    let mut command = Command::new("rustup");
    command.args(arguments);
    process::captured(&format!("rustup toolchain install {name}"), &mut command)
        .map(drop)
        .map_err(|_| missing(what, &by_hand))
}

fn missing(what: String, by_hand: &str) -> Error {
    Error::Missing { what, remedy: format!("run `{by_hand}`") }
}
