//! The real packages from the machine's own Debian mirror:
//! `cargo test -p xen-headers --features network`.

#![cfg(feature = "network")]

use std::time::Instant;

use debian_packages::testing::says;
use xen_headers::{Error, HeaderTree, LinuxTree, Options, Pins, Warning, linux_pins, pins};

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
        // A package that has left the mirror since then gives a warning, which is no failure.
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
    let newest = &pins.default_release().name;
    for offline in [false, true] {
        let options = Options { offline, ..options(cache.path()) };
        let tree = HeaderTree::obtain(&pins, newest, &options).unwrap();
        let [Warning::Replaced(replaced), ..] = &tree.warnings[..] else {
            panic!("{:?}", tree.warnings);
        };
        assert_eq!(replaced.pinned, "0.0-1");
        assert!(replaced.taken.starts_with(&format!("{newest}.")), "{replaced:?}");
        for warning in &tree.warnings {
            eprintln!("{warning}");
        }
    }
}

#[test]
fn a_suite_that_is_not_there_is_one_line() {
    let cache = tempfile::tempdir().unwrap();
    let text = pins().default_release().to_toml();
    let package = &pins().default_release().package;
    let suite = "no-such-suite";
    let text = text.replace(&package.version, "0.0-1");
    let text = text.replace(&format!("\"{}\"", package.suite), &format!("\"{suite}\""));
    let pins = Pins::parse(&text).unwrap();
    let newest = &pins.default_release().name;
    let error = HeaderTree::obtain(&pins, newest, &options(cache.path())).unwrap_err();
    eprintln!("{error}");
    assert!(matches!(error, Error::Package(debian_packages::Error::PinGone { .. })));
    says(&error, &["libxen-dev 0.0-1 has left the mirror", suite]);
}
