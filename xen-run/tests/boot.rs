//! The templates under real hypervisors, through cargo: `cargo test -p xen-run --features boot --test boot`.

#![cfg(feature = "boot")]

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(1).unwrap().to_owned()
}

/// Cargo in the directory of the kernel to start from, with this xen-run and images in the repository's cache.
fn cargo(words: &[&str]) -> Command {
    cargo_in("kernel", words)
}

/// The same in the directory of another template.
fn cargo_in(template: &str, words: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let bin = Path::new(env!("CARGO_BIN_EXE_xen-run")).parent().unwrap();
    let path = env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", bin.display()));
    command.env("XEN_RUN_CACHE", debian_packages::default_cache());
    let target = root().join(format!("target/xen-live/templates-{template}"));
    let template = root().join("templates").join(template);
    command.env("CARGO_TARGET_DIR", target).current_dir(template);
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        command.env_remove(variable);
    }
    command.args(words).stdin(Stdio::null());
    command
}

#[track_caller]
fn success(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (text, said) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{status}\n{text}\n{said}");
    text.replace('\r', "")
}

#[test]
fn cargo_run_boots_every_release_and_mode() {
    let x86 = "x86_64-unknown-none";
    for (target, mode, hello, releases) in [
        (x86, "pv", "hello from a PV guest, told \"one two\"", &["4.14", "4.17", "4.20"][..]),
        (x86, "pvh", "hello from a PVH guest, told \"one two\"", &["4.14", "4.17", "4.20"]),
        ("aarch64-unknown-none", "arm64", "hello from a", &["4.14", "4.20"]),
        ("armv7a-none-eabi", "armhf", "hello from a", &["4.17", "4.20"]),
    ] {
        for release in releases {
            let mut command =
                cargo(&["run", "-q", "--release", "--target", target, "--", "one", "two"]);
            command.env("XEN_RUN_MODE", mode).env("XEN_RUN_RELEASE", release);
            let start = Instant::now();
            let text = success(&mut command);
            eprintln!("{release} {mode}: {:.1?}", start.elapsed());
            assert!(text.contains(hello), "{release} {mode}:\n{text}");
            assert!(text.contains("received 1 event"), "{release} {mode}:\n{text}");
            assert!(!text.contains("(XEN)"), "{text}");
        }
    }
}

#[test]
fn cargo_test_boots_each_test() {
    for target in ["x86_64-unknown-none", "aarch64-unknown-none", "armv7a-none-eabi"] {
        let text = success(&mut cargo(&["test", "-q", "--target", target]));
        assert!(text.contains("Xen 4.20"), "{target}: {text}");
        assert!(text.contains("waited for an event"), "{target}: {text}");
    }
}

#[test]
fn several_domains_are_started_without_a_toolstack() {
    let mut command =
        cargo(&["run", "-q", "--release", "--target", "aarch64-unknown-none", "--", "me={domid}"]);
    let text = success(command.env("XEN_RUN_DOMAINS", "2"));
    assert!(text.contains("told \"me=0\""), "{text}");
}

#[test]
fn several_domains_are_started_by_linux() {
    let mut command = cargo(&["run", "-q", "--release", "--", "me={domid}"]);
    let text = success(command.env("XEN_RUN_DOMAINS", "2"));
    for domain in ["told \"me=1\"", "told \"me=2\""] {
        assert!(text.contains(domain), "{text}");
    }
}

/// The disk is the template's own description, by its own configuration for cargo.
#[test]
fn a_driver_reads_the_disk_of_its_linux() {
    let sectors = root().join("templates/unikernel-driver/README.md").metadata().unwrap().len();
    for (target, mode) in [
        ("x86_64-unknown-none", "pv"),
        ("x86_64-unknown-none", "pvh"),
        ("i686-unknown-linux-musl", "pvh"),
    ] {
        let mut command =
            cargo_in("unikernel-driver", &["run", "-q", "--release", "--target", target]);
        let text = success(command.env("XEN_RUN_MODE", mode));
        for line in [
            "hello from the domain domain-1",
            &format!("a disk of {} sectors", sectors.div_ceil(512)),
            "it begins with Ok(\"# A unikernel with a driver\")",
            "the back end has closed the disk, and uses no page any more: true",
        ] {
            assert!(text.lines().any(|own| own == line), "{target} {mode}: no {line:?} in\n{text}");
        }
    }
}
