//! `cargo xtask release`: everything that comes before a release. It publishes nothing.

use std::fs;
use std::process::Command;

use crate::install::Install;
use crate::need::{self, Need};
use crate::{Error, package, process, tool, workspace};

/// The version that would be released.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Checks the tree, the changelog, the packages and the API, and prints what is left to do.
pub(crate) fn run(install: Install) -> Result<(), Error> {
    let status = git(&["status", "--porcelain"])?;
    if !status.trim().is_empty() {
        let first = status.lines().next().unwrap_or_default();
        return Err(Error::Unexpected(format!("not committed: {first}; commit or stash it")));
    }
    let changelog = workspace::root()?.join("CHANGELOG.md");
    let text = fs::read_to_string(&changelog).map_err(Error::file(&changelog))?;
    if !has_section(&text, VERSION) {
        return Err(Error::Unexpected(format!(
            "CHANGELOG.md has no section [{VERSION}]; rename [Unreleased], or raise the version in \
             Cargo.toml"
        )));
    }
    let tags = git(&["tag", "--list", "v*", "--sort=-version:refname"])?;
    match last(&tags)? {
        Some(tag) => semver(tag, install)?,
        None => println!("no release is tagged: there is no API to compare with"),
    }
    package::run(install)?;
    let mut verify = workspace::cargo()?;
    verify.args(["publish", "--workspace", "--dry-run", "--target-dir"]);
    verify.arg(workspace::scratch("packages")?);
    process::captured("build the packages", &mut verify)?;
    println!(
        "Version {VERSION} is ready, if `cargo xtask test` and `cargo xtask mutants` passed. What is \
         left is not to be undone:\n\n    \
         git tag --sign v{VERSION} --message 'Version {VERSION}'\n    \
         cargo publish --workspace\n    \
         git push origin v{VERSION}\n"
    );
    Ok(())
}

fn git(arguments: &[&str]) -> Result<String, Error> {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(workspace::root()?);
    process::output(&format!("git {}", arguments[0]), &mut command)
}

/// Whether the changelog has a section for a version.
fn has_section(changelog: &str, version: &str) -> bool {
    let heading = format!("## [{version}]");
    changelog.lines().any(|line| line == heading || line.starts_with(&(heading.clone() + " ")))
}

/// The newest tag of a list that is sorted. This version must not be in it.
fn last(tags: &str) -> Result<Option<&str>, Error> {
    if tags.lines().any(|tag| tag.strip_prefix('v') == Some(VERSION)) {
        return Err(Error::Unexpected(format!(
            "v{VERSION} is tagged already; raise the version in Cargo.toml"
        )));
    }
    Ok(tags.lines().next())
}

/// Compares the API with that of the last release: a change that breaks users needs a new minor version
/// before 1.0, and a new major one after it.
fn semver(tag: &str, install: Install) -> Result<(), Error> {
    need::provide(&[Need::Tool(&tool::SEMVER)], install)?;
    let mut command = tool::SEMVER.command()?;
    command.args(["--baseline-rev", tag]);
    // A macro crate has no API that the program can read.
    for name in package::LIBRARIES.into_iter().filter(|name| *name != "xen-abi-derive") {
        command.args(["-p", name]);
    }
    command.env("CARGO_TARGET_DIR", workspace::scratch("semver")?);
    process::open(&format!("API since {tag}"), &mut command).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_needs_its_own_section() {
        let changelog = "# Changelog\n\n## [Unreleased]\n\n## [0.3.1] - 2027-01-01\n## [0.3.0]\n";
        assert!(has_section(changelog, "0.3.0") && has_section(changelog, "0.3.1"));
        assert!(!has_section(changelog, "0.3") && !has_section(changelog, "0.3.10"));
    }

    #[test]
    fn a_tagged_version_is_refused() {
        assert_eq!(last("v0.0.2\nv0.0.1\n").unwrap(), Some("v0.0.2"));
        assert_eq!(last("").unwrap(), None);
        assert!(last(&format!("v0.0.1\nv{VERSION}\n")).is_err());
    }
}
