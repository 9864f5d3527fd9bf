//! Guests that misbehave on a real hypervisor: `cargo test -p xen-live --features boot`.

#![cfg(feature = "boot")]

use std::time::Duration;

use xen_live::{Arch, Boot, Cause, Error, Mode};
use xen_run::Cause as Ended;

/// One machine of each kind.
const MACHINES: [(Arch, Mode); 4] = [
    (Arch::X86_64, Mode::Pv),
    (Arch::X86_64, Mode::Pvh),
    (Arch::Aarch64, Mode::Native),
    (Arch::Arm, Mode::Native),
];

#[track_caller]
fn causes(what: &str, is_expected: impl Fn(&Cause) -> bool) {
    for (arch, mode) in MACHINES {
        let place = tempfile::tempdir().unwrap();
        let boot = Boot::new("4.17", arch, mode).arguments(&format!("misbehave={what}"));
        match boot.place(place.path()).deadline(Duration::from_secs(15)).run() {
            Err(Error::Failed(failure)) if is_expected(&failure.cause) => {}
            other => panic!("{arch} {mode}: {other:?}"),
        }
    }
}

#[test]
fn a_guest_that_panics() {
    causes(
        "panic",
        |cause| matches!(cause, Cause::Ended(Ended::Crash(line)) if line.contains("@panic")),
    );
}

#[test]
fn a_guest_that_faults() {
    causes("fault", |cause| matches!(cause, Cause::Ended(Ended::Crash(_))));
}

#[test]
fn a_guest_that_prints_without_end() {
    causes("garbage", |cause| {
        matches!(cause, Cause::Ended(Ended::Garbage { .. }) | Cause::Ended(Ended::Deadline(_)))
    });
}

#[test]
fn a_guest_that_hangs() {
    let limit = Duration::from_secs(8);
    let boot = Boot::new("4.17", Arch::X86_64, Mode::Pv).arguments("misbehave=hang");
    let place = tempfile::tempdir().unwrap();
    match boot.place(place.path()).deadline(limit).run() {
        Err(Error::Failed(failure)) => {
            assert_eq!(failure.cause, Cause::Ended(Ended::Deadline(limit)));
        }
        other => panic!("{other:?}"),
    }
}
