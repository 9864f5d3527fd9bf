//! xen-toolstack, over xen-linux, in a Linux dom0: `cargo test -p xen-live --features boot --test toolstack`.

#![cfg(feature = "boot")]

use xen_live::{Arch, Boot, Mode};

/// What Xen's own toolstack and ours write, in this order.
fn run(release: &str) -> Vec<String> {
    let boot = Boot::new(release, Arch::X86_64, Mode::Linux).toolstack().without_transcript();
    let boot = boot.command("xl info -n").command("xl list");
    let boot = boot.dom0_program("toolstack", "").unwrap().command("echo through");
    let report = boot.run().unwrap_or_else(|error| panic!("{error}"));
    let lines: Vec<_> = report.output.lines().map(|line| line.trim_end().to_owned()).collect();
    assert!(lines.iter().any(|line| line == "through"), "{}", report.output);
    eprintln!("{}", report.output);
    lines
}

#[test]
fn works_with_4_17() {
    run("4.17");
}

#[test]
fn works_with_4_20() {
    run("4.20");
}
