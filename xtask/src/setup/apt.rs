//! Debian's packages and how to install them.

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use devtools::Arch;
use devtools::libclang::MINIMUM;

use crate::{Error, process};

/// Options of `apt-get install`: only the named packages, no questions, and ten minutes for another
/// package manager to finish.
const INSTALL: [&str; 5] =
    ["install", "--no-install-recommends", "-y", "-o", "DPkg::Lock::Timeout=600"];

/// How often `apt-get update` is tried: it does not wait for its lock.
const UPDATE_TRIES: u32 = 5;

/// A package of libclang that apt knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    name: String,
    major: u32,
}

/// The packages of libclang that apt knows; none at all means that it has no lists yet.
pub(super) fn offered() -> Vec<Offer> {
    let arguments = ["show", "--no-all-versions", "libclang1"];
    let default = process::answer(Command::new("apt-cache").args(arguments));
    let arguments = ["search", "--names-only", "^libclang1-[0-9]+$"];
    let numbered = process::answer(Command::new("apt-cache").args(arguments));
    parse(&default.unwrap_or_default(), &numbered.unwrap_or_default())
}

fn parse(default: &str, numbered: &str) -> Vec<Offer> {
    // `Version: 1:14.0-55.7~deb12u1` of the package that stands for the distribution's own choice.
    let version = default.lines().find_map(|line| line.strip_prefix("Version: "));
    let upstream = version.map(|version| version.rsplit(':').next().unwrap_or(version));
    let major = upstream.and_then(|upstream| upstream.split('.').next()?.parse().ok());
    let default = major.map(|major| Offer { name: "libclang1".to_owned(), major });
    let numbered = numbered.lines().filter_map(|line| {
        let name = line.split_whitespace().next()?;
        let major = name.strip_prefix("libclang1-")?.parse().ok()?;
        Some(Offer { name: name.to_owned(), major })
    });
    default.into_iter().chain(numbered).collect()
}

/// The package to install: the distribution's own choice, unless it is too old; then the newest.
///
/// Not simply the newest: Debian 12 also has much newer ones, for browsers, and the distribution's
/// choice is the one that was tested most.
pub(super) fn libclang_package(offers: &[Offer]) -> String {
    let default = offers.iter().find(|offer| offer.name == "libclang1" && offer.major >= MINIMUM);
    let newest = || offers.iter().max_by_key(|offer| offer.major);
    default.or_else(newest).map_or_else(|| "libclang1".to_owned(), |offer| offer.name.clone())
}

/// The package of an architecture's gcc on this host.
pub(super) fn compiler_package(arch: Arch) -> &'static str {
    match arch {
        _ if arch.is_native() => "gcc",
        Arch::X86_64 => "gcc-x86-64-linux-gnu",
        Arch::X86_32 => "gcc-i686-linux-gnu",
        Arch::Aarch64 => "gcc-aarch64-linux-gnu",
        Arch::Arm => "gcc-arm-linux-gnueabihf",
        Arch::Riscv64 => "gcc-riscv64-linux-gnu",
        Arch::Ppc64le => "gcc-powerpc64le-linux-gnu",
    }
}

/// The command that installs packages, for a user to run.
pub(super) fn install_line(packages: &[String]) -> String {
    format!("apt-get {} {}", INSTALL.join(" "), packages.join(" "))
}

/// Whether apt's lists have all these packages.
pub(super) fn knows(packages: &[String]) -> bool {
    packages.iter().all(|package| {
        process::answer(Command::new("apt-cache").args(["show", package]))
            .is_some_and(|text| !text.is_empty())
    })
}

/// Installs packages; if that fails, fetches new lists and tries again, since old lists name files that
/// are gone.
pub(super) fn install(packages: &[String]) -> Result<(), Error> {
    let name = format!("apt-get install {}", packages.join(" "));
    let mut command = apt_get();
    command.args(INSTALL).args(packages);
    match process::captured(&name, &mut command) {
        Err(Error::Failed { .. }) => {
            anstream::eprintln!("the package lists may be stale: fetching them and trying again");
            update()?;
            process::captured(&name, &mut command).map(drop)
        }
        result => result.map(drop),
    }
}

/// Fetches apt's lists.
pub(super) fn update() -> Result<(), Error> {
    let mut command = apt_get();
    command.args(["update", "-o", "Acquire::Retries=3"]);
    for _ in 1..UPDATE_TRIES {
        if process::captured("apt-get update", &mut command).is_ok() {
            return Ok(());
        }
        sleep(Duration::from_secs(10));
    }
    process::captured("apt-get update", &mut command).map(drop)
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERED: &str = "libclang1-13 - C interface to the Clang library\n\
                            libclang1-14 - C interface to the Clang library\n\
                            libclang1-22 - C interface to the Clang library\n";

    fn choice(default: &str, numbered: &str) -> String {
        libclang_package(&parse(default, numbered))
    }

    #[test]
    fn the_distribution_chooses_libclang() {
        assert_eq!(
            choice("Package: libclang1\nVersion: 1:14.0-55.7~deb12u1\n", NUMBERED),
            "libclang1"
        );
        assert_eq!(choice("Version: 1:19.0-63\n", ""), "libclang1");
    }

    #[test]
    fn a_choice_too_old_gives_way_to_the_newest() {
        assert_eq!(choice("Version: 1:11.0-51+nmu5\n", NUMBERED), "libclang1-22");
        assert_eq!(choice("", NUMBERED), "libclang1-22");
        assert_eq!(choice("", ""), "libclang1");
    }

    #[test]
    fn every_architecture_has_a_package_and_one_is_native() {
        let packages = Arch::ALL.map(compiler_package);
        assert!(packages.iter().filter(|package| **package == "gcc").count() <= 1);
        assert!(install_line(&["gcc".to_owned()]).ends_with(" gcc"));
    }
}
