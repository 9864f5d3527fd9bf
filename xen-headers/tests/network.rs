//! The real packages from the machine's own Debian mirror:
//! `cargo test -p xen-headers --features network`.

#![cfg(feature = "network")]

mod support;

use std::time::Instant;

use support::says;
use xen_headers::{
    Collection, Digest, Error, HeaderTree, Hypervisor, LinuxTree, Options, Pins, Warning,
    linux_pins, pins,
};

fn options(cache: &std::path::Path) -> Options<'static> {
    Options {
        cache: cache.to_owned(),
        progress: &|line| eprintln!("{line}"),
        ..Options::from_env()
    }
}

#[test]
fn every_pinned_release_is_there() {
    let cache = tempfile::tempdir().unwrap();
    let start = Instant::now();
    for release in pins().releases() {
        let tree = HeaderTree::obtain(pins(), &release.name, &options(cache.path())).unwrap();
        // A package that left the mirror since is warned about, and no failure of ours.
        eprintln!("{}: {} headers, {:?}", tree.label, tree.headers.len(), tree.warnings);
        assert!(tree.headers.iter().eq(release.headers.keys()) || !tree.warnings.is_empty());
    }
    eprintln!("cold: {:.1?}", start.elapsed());
    let start = Instant::now();
    for release in pins().releases() {
        let offline = Options { offline: true, ..options(cache.path()) };
        HeaderTree::obtain(pins(), &release.name, &offline).unwrap();
    }
    eprintln!("warm: {:.1?}", start.elapsed());
}

#[test]
fn linuxs_headers_are_there() {
    let cache = tempfile::tempdir().unwrap();
    for offline in [false, true] {
        let options = Options { offline, ..options(cache.path()) };
        let tree = LinuxTree::obtain(linux_pins(), &options).unwrap();
        eprintln!("{:?}, {:?}", tree.headers, tree.warnings);
        assert_eq!(tree.headers.len(), 5);
    }
}

/// The pins, with a version of the newest release that no mirror ever had.
fn with_a_version_that_is_gone() -> Pins {
    let release = pins().default_release();
    let version = &release.package.version;
    Pins::parse(&release.to_toml().replace(version, "0.0-1")).unwrap()
}

#[test]
fn a_package_that_left_is_replaced_loudly() {
    let cache = tempfile::tempdir().unwrap();
    let pins = with_a_version_that_is_gone();
    for offline in [false, true] {
        let options = Options { offline, ..options(cache.path()) };
        let tree = HeaderTree::obtain(&pins, "4.20", &options).unwrap();
        let [Warning::PinGone { pinned, taken, .. }, ..] = &tree.warnings[..] else {
            panic!("{:?}", tree.warnings);
        };
        assert_eq!(pinned, "0.0-1");
        assert!(taken.starts_with("4.20."), "{taken}");
        for warning in &tree.warnings {
            eprintln!("{warning}");
        }
    }
}

#[test]
fn a_hypervisor_that_left_is_replaced_loudly() {
    let cache = tempfile::tempdir().unwrap();
    let mut gone = Hypervisor::known("4.17", "arm64").unwrap().clone();
    gone.package.pool = gone.package.pool.replace(&gone.package.version, "0.0-1");
    gone.package.version = "0.0-1".to_owned();
    for offline in [false, true] {
        let options = Options { offline, ..options(cache.path()) };
        let image = gone.obtain(&options).unwrap();
        let Some(Warning::PinGone { pinned, taken, .. }) = &image.warning else {
            panic!("{:?}", image.warning);
        };
        assert_eq!(pinned, "0.0-1");
        assert!(taken.starts_with("4.17."), "{taken}");
        assert!(image.path.is_file());
    }
}

#[test]
fn a_suite_that_is_not_there_is_one_line() {
    let cache = tempfile::tempdir().unwrap();
    let text = pins().default_release().to_toml();
    let (version, suite) = (&pins().default_release().package.version, "no-such-suite");
    let text = text.replace(version, "0.0-1").replace("\"trixie\"", &format!("\"{suite}\""));
    let pins = Pins::parse(&text).unwrap();
    let error = HeaderTree::obtain(&pins, "4.20", &options(cache.path())).unwrap_err();
    eprintln!("{error}");
    assert!(matches!(error, Error::PinGone { .. }));
    says(&error, &["libxen-dev 0.0-1 has left the mirror", suite]);
}

/// A kernel whose package is called after a version that no mirror ever had.
#[test]
fn a_kernel_that_left_is_replaced_by_the_one_that_the_suite_depends_on() {
    let cache = tempfile::tempdir().unwrap();
    let mut linux = Collection::linux("4.20", "arm64").unwrap().clone();
    linux.parts.retain(|part| part.package.meta.is_some());
    for part in &mut linux.parts {
        part.package.name = "linux-image-0.1-arm64".to_owned();
        part.package.pool = "pool/main/l/linux/linux-image-0.1-arm64_0.1-1_arm64.deb".to_owned();
        part.package.sha256 = Digest::of(b"nothing");
    }
    let found = linux.obtain(&options(cache.path())).unwrap();
    let [warning @ Warning::PinGone { package, .. }] = &found.warnings[..] else {
        panic!("{:?}", found.warnings);
    };
    eprintln!("{warning}");
    assert_eq!(package, "linux-image-0.1-arm64");
    assert!(found.paths["vmlinuz"].is_file());
}
