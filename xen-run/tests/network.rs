//! Pinned packages that have left the mirror, on the machine's own Debian mirror:
//! `cargo test -p xen-run --features network --test network`.

#![cfg(feature = "network")]

use std::path::Path;

use debian_packages::{Digest, Options};
use xen_run::{Arch, Dom0Files, Hypervisor};

fn options(cache: &Path) -> Options<'static> {
    Options {
        cache: cache.to_owned(),
        progress: &|line| eprintln!("{line}"),
        ..Options::from_env()
    }
}

#[test]
fn a_hypervisor_that_left_is_replaced_loudly() {
    let cache = tempfile::tempdir().unwrap();
    let mut gone = Hypervisor::pinned("4.17", Arch::Aarch64).unwrap().clone();
    gone.package.pool = gone.package.pool.replace(&gone.package.version, "0.0-1");
    gone.package.version = "0.0-1".to_owned();
    for offline in [false, true] {
        let options = Options { offline, ..options(cache.path()) };
        let image = gone.obtain(&options).unwrap();
        let replaced = image.replaced.expect("the pinned one is gone");
        assert_eq!(replaced.pinned, "0.0-1");
        assert!(replaced.taken.starts_with("4.17."), "{replaced:?}");
        assert!(image.path.is_file());
    }
}

/// A kernel whose package is called after a version that no mirror ever had.
#[test]
fn a_kernel_that_left_is_replaced_by_the_one_that_the_suite_depends_on() {
    let cache = tempfile::tempdir().unwrap();
    let mut linux = Dom0Files::linux("4.20", Arch::Aarch64).unwrap().clone();
    linux.parts.retain(|part| part.package.meta.is_some());
    for part in &mut linux.parts {
        part.package.name = "linux-image-0.1-arm64".to_owned();
        part.package.pool = "pool/main/l/linux/linux-image-0.1-arm64_0.1-1_arm64.deb".to_owned();
        part.package.sha256 = Digest::of(b"nothing");
    }
    let found = linux.obtain(&options(cache.path())).unwrap();
    let [replaced] = &found.replaced[..] else { panic!("{:?}", found.replaced) };
    eprintln!("{replaced}");
    assert_eq!(replaced.package, "linux-image-0.1-arm64");
    assert!(found.paths["vmlinuz"].is_file());
}
