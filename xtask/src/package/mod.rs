//! `cargo xtask package`: what crates.io would get, and what its users would.
//!
//! All published crates are packed in order, as `cargo publish` does it, and nothing is uploaded. Then the
//! packages, not the checkout, are looked at: their files and metadata ([`contents`]), the lock file that a
//! user of each gets ([`lock`]), and whether the libraries build with the oldest Rust version that is promised to
//! work and every dependency at the lowest version that its requirement admits.

mod contents;
mod lock;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::install::Install;
use crate::need::{self, Need};
use crate::toolchain::NIGHTLY;
use crate::{Error, process, workspace};

/// What it needs.
pub(crate) const NEEDS: &[Need] = &[Need::Nightly, Need::Msrv];

/// The crate that is generated, and that the others are over.
pub(crate) const ABI: &str = "xen-abi";

/// The published libraries, each after those that it depends on.
pub(crate) const LIBRARIES: [&str; 8] = [
    ABI,
    "xen-abi-derive",
    "xen-ops",
    "xen-guest",
    "xen-io",
    "xen-toolstack",
    "xen-linux",
    "xen-sim",
];

/// The published programs, and the crates that only they use: those who install them take the newest versions.
const PROGRAMS: [&str; 4] = ["debian-packages", "xen-records", "xenabi", "xen-run"];

/// The features: all but the same code once more for other architectures.
const FEATURES: &str = "xen-abi/full,xen-ops/alloc,xen-guest/qemu,xen-io/std,xen-io/embedded-io,\
    xen-linux/drivers,xen-linux/vm-memory";

/// All published crates.
pub(crate) fn crates() -> impl Iterator<Item = &'static str> {
    LIBRARIES.into_iter().chain(PROGRAMS)
}

/// All published crates but xen-abi.
pub(crate) fn others() -> impl Iterator<Item = &'static str> {
    crates().filter(|name| *name != ABI)
}

/// Packs the crates and checks the packages.
pub(crate) fn run(install: Install) -> Result<(), Error> {
    need::provide(NEEDS, install)?;
    let target = workspace::scratch("packages")?;
    let packages = pack(&target)?;
    for name in crates() {
        contents::check(name, &packages.join(directory(name)))?;
    }
    for name in crates() {
        drop_dev_dependencies(&packages.join(directory(name)).join("Cargo.toml"))?;
    }
    lock::check(&packages, &workspace::scratch("packages/users")?)?;
    build(&packages, &target)
}

/// The directory of a crate's unpacked package.
fn directory(name: &str) -> String {
    format!("{name}-{}", env!("CARGO_PKG_VERSION"))
}

/// Has cargo pack everything that is not `publish = false`, and unpacks that.
fn pack(target: &Path) -> Result<PathBuf, Error> {
    let packed = target.join("package");
    workspace::remove(&packed)?;
    let mut command = workspace::cargo()?;
    // What is not committed yet is packed too: this is no release.
    command.args(["publish", "--workspace", "--dry-run", "--no-verify", "--allow-dirty"]);
    command.arg("--target-dir").arg(target);
    process::captured("cargo publish --dry-run", &mut command)?;
    let unpacked = target.join("unpacked");
    workspace::remove(&unpacked)?;
    fs::create_dir_all(&unpacked).map_err(Error::file(&unpacked))?;
    for name in crates() {
        let mut tar = Command::new("tar");
        let file = packed.join("tmp-crate").join(directory(name) + ".crate");
        tar.arg("-xzf").arg(file).arg("-C").arg(&unpacked);
        process::captured(&format!("unpack {name}"), &mut tar)?;
    }
    manifest(&unpacked)?;
    Ok(unpacked)
}

/// A workspace of the packages. It has no lock file, and takes none from the packages, which have one if
/// they have examples.
fn manifest(unpacked: &Path) -> Result<(), Error> {
    let members = LIBRARIES.map(|name| format!("{:?}", directory(name)));
    let text = format!(
        "[workspace]\nresolver = \"3\"\nmembers = [{}]\n\n{}",
        members.join(", "),
        patches(Path::new("."))
    );
    let file = unpacked.join("Cargo.toml");
    fs::write(&file, text).map_err(Error::file(&file))
}

/// Takes out what a user never resolves: a test's dependency must not raise what the crate itself requires.
fn drop_dev_dependencies(file: &Path) -> Result<(), Error> {
    let text = fs::read_to_string(file).map_err(Error::file(file))?;
    let mut manifest: toml::Table = toml::from_str(&text)
        .map_err(|error| Error::Unexpected(format!("{}: {error}", file.display())))?;
    without_dev_dependencies(&mut manifest);
    fs::write(file, manifest.to_string()).map_err(Error::file(file))
}

fn without_dev_dependencies(manifest: &mut toml::Table) {
    manifest.remove("dev-dependencies");
    let targets = manifest.get_mut("target").and_then(toml::Value::as_table_mut);
    for (_, target) in targets.into_iter().flatten() {
        target.as_table_mut().map(|target| target.remove("dev-dependencies"));
    }
}

/// The packages in the place of what crates.io has.
fn patches(packages: &Path) -> String {
    let line = |name: &str| {
        let path = packages.join(directory(name));
        // A literal string of TOML: any path that has no apostrophe.
        format!("{name} = {{ path = '{}' }}\n", path.display())
    };
    format!("[patch.crates-io]\n{}", crates().map(line).collect::<String>())
}

/// Resolves to the lowest versions, which only a nightly cargo can, and checks that with the oldest Rust version.
fn build(packages: &Path, target: &Path) -> Result<(), Error> {
    let oldest = workspace::msrv();
    let cargo = |toolchain: &str, arguments: &[&str]| {
        let mut command = Command::new("rustup");
        command.args(["run", toolchain, "cargo"]).args(arguments).current_dir(packages);
        command.env("CARGO_INCREMENTAL", "0").env_remove("RUSTFLAGS");
        command.env_remove("CARGO").env_remove("RUSTC");
        command
    };
    let mut resolve = cargo(NIGHTLY, &["generate-lockfile", "-Zdirect-minimal-versions"]);
    process::captured("resolve to the lowest versions", &mut resolve)?;
    let mut check =
        cargo(&oldest, &["check", "--workspace", "--features", FEATURES, "--target-dir"]);
    check.arg(target.join("lowest"));
    let what = format!("packages with the lowest versions and Rust {oldest}");
    process::captured(&what, &mut check).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dev_dependencies_go() {
        let text = "[dependencies]\na = \"1\"\n[dev-dependencies]\nb = \"1\"\n\
            [target.x.dependencies]\nc = \"1\"\n[target.x.dev-dependencies]\nd = \"1\"\n";
        let mut manifest = toml::from_str(text).unwrap();
        without_dev_dependencies(&mut manifest);
        let left = manifest.to_string();
        assert!(left.contains("a = ") && left.contains("c = "), "{left}");
        assert!(!left.contains("b = ") && !left.contains("d = "), "{left}");
    }

    /// A crate that is published, and not named here, would go out unchecked.
    #[test]
    fn all_published_crates_are_named() {
        let root = workspace::root().unwrap();
        let mut published: Vec<_> = fs::read_dir(&root)
            .unwrap()
            .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("Cargo.toml")).ok())
            .filter_map(|text| {
                let manifest: toml::Table = toml::from_str(&text).ok()?;
                let package = manifest.get("package")?.as_table()?;
                let is_private =
                    package.get("publish").is_some_and(|value| value.as_bool() == Some(false));
                (!is_private).then(|| package["name"].as_str().map(str::to_owned))?
            })
            .collect();
        published.sort();
        let mut named: Vec<_> = crates().map(str::to_owned).collect();
        named.sort();
        assert_eq!(published, named);
    }
}
