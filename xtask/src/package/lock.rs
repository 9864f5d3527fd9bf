//! The lock file of a project that uses one of the crates: every package in it is one that a user has to
//! trust and to download.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::{Error, process, workspace};

use super::{directory, patches};

/// A user's dependency, and the packages of others that may come with it.
struct User {
    name: &'static str,
    features: &'static [&'static str],
    admitted: &'static [&'static [&'static str]],
}

/// What `hypercalls!` is made with. It runs while a user's crate is compiled, and is not linked.
const MACRO: &[&str] = &["proc-macro2", "quote", "syn", "unicode-ident"];
const ZEROCOPY: &[&str] = &["zerocopy", "zerocopy-derive"];
/// System calls.
const LIBC: &[&str] = &["libc"];
/// The same, typed. Its crates for Windows are named in every lock file, and are not built on Linux.
const RUSTIX: &[&str] =
    &["rustix", "bitflags", "errno", "libc", "linux-raw-sys", "windows-link", "windows-sys"];
const EMBEDDED_IO: &[&str] = &["embedded-io"];
const VM_MEMORY: &[&str] = &["vm-memory", "thiserror", "thiserror-impl"];

const USERS: &[User] = &[
    User { name: "xen-abi", features: &[], admitted: &[] },
    User { name: "xen-abi", features: &["zerocopy"], admitted: &[ZEROCOPY, MACRO] },
    User { name: "xen-abi", features: &["vm-memory"], admitted: &[VM_MEMORY, MACRO] },
    User { name: "xen-ops", features: &[], admitted: &[MACRO] },
    User { name: "xen-guest", features: &[], admitted: &[MACRO] },
    User { name: "xen-io", features: &["alloc"], admitted: &[MACRO] },
    User { name: "xen-io", features: &["embedded-io"], admitted: &[MACRO, EMBEDDED_IO] },
    User { name: "xen-linux", features: &[], admitted: &[MACRO, RUSTIX, LIBC] },
    User { name: "xen-sim", features: &[], admitted: &[MACRO] },
];

/// Makes a project for each user and reads the names in its lock file.
pub(super) fn check(packages: &Path, scratch: &Path) -> Result<(), Error> {
    USERS.iter().try_for_each(|user| {
        let found = resolve(user, packages, scratch)?;
        let unexpected = unexpected(user, &found);
        if unexpected.is_empty() {
            return Ok(());
        }
        Err(Error::Unexpected(format!(
            "a user of {} {:?} gets these packages into the lock file: {}; drop the dependency, or \
             admit it in xtask/src/package/lock.rs with its reason",
            user.name,
            user.features,
            unexpected.join(", ")
        )))
    })
}

fn unexpected(user: &User, found: &BTreeSet<String>) -> Vec<String> {
    let is_ours = |name: &str| super::crates().any(|own| own == name) || name == "user";
    let is_admitted = |name: &str| user.admitted.iter().any(|names| names.contains(&name));
    found.iter().filter(|name| !is_ours(name) && !is_admitted(name)).cloned().collect()
}

fn resolve(user: &User, packages: &Path, scratch: &Path) -> Result<BTreeSet<String>, Error> {
    let project = scratch.join("project");
    let source = project.join("src");
    fs::create_dir_all(&source).map_err(Error::file(&source))?;
    let manifest = format!(
        "[package]\nname = \"user\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\n{} = {{ path = '{}', features = {:?} }}\n\n{}",
        user.name,
        packages.join(directory(user.name)).display(),
        user.features,
        patches(packages)
    );
    let lock = project.join("Cargo.lock");
    for (file, text) in [("Cargo.toml", manifest.as_str()), ("src/lib.rs", "")] {
        let file = project.join(file);
        fs::write(&file, text).map_err(Error::file(&file))?;
    }
    // A fresh one: cargo would keep what the last user had.
    let _ = fs::remove_file(&lock);
    let mut command = workspace::cargo()?;
    command.arg("generate-lockfile").current_dir(&project);
    process::captured(&format!("lock file of a user of {}", user.name), &mut command)?;
    let text = fs::read_to_string(&lock).map_err(Error::file(&lock))?;
    Ok(names(&text))
}

/// The names in a lock file, except those of patches that are not used.
fn names(lock: &str) -> BTreeSet<String> {
    let used = lock.split("[[patch.unused]]").next().unwrap_or_default();
    let name = |line: &str| Some(line.strip_prefix("name = \"")?.strip_suffix('"')?.to_owned());
    used.lines().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_is_not_admitted_is_found() {
        let lock = "[[package]]\nname = \"user\"\n[[package]]\nname = \"loom\"\n[[package]]\n\
            name = \"syn\"\n[[package]]\nname = \"xen-abi\"\n[[patch.unused]]\nname = \"xen-sim\"\n";
        let found = names(lock);
        assert!(!found.contains("xen-sim"));
        assert_eq!(unexpected(&USERS[0], &found), ["loom", "syn"]);
        assert_eq!(unexpected(&USERS[3], &found), ["loom"]);
    }
}
