//! Guests that misbehave on a real hypervisor, and guests of several vCPUs that upcalls wake:
//! `cargo test -p xen-live --features boot`.

#![cfg(feature = "boot")]

use std::time::Duration;

use xen_live::{Arch, Boot, Cause, Error, Mode};
use xen_run::Cause as Ended;

/// How long a guest may take that ends by itself, on a machine that does other things too.
const LONG: Duration = Duration::from_secs(60);

/// One machine of each kind.
const MACHINES: [(Arch, Mode); 4] = [
    (Arch::X86_64, Mode::Pv),
    (Arch::X86_64, Mode::Pvh),
    (Arch::Aarch64, Mode::Native),
    (Arch::Arm, Mode::Native),
];

/// `limit` is how long each machine may take.
#[track_caller]
fn causes(what: &str, limit: Duration, is_expected: impl Fn(&Cause) -> bool) {
    for (arch, mode) in MACHINES {
        let place = tempfile::tempdir().unwrap();
        let boot = Boot::new("4.17", arch, mode).arguments(&format!("misbehave={what}"));
        match boot.place(place.path()).deadline(limit).run() {
            Err(Error::Failed(failure)) if is_expected(&failure.cause) => {}
            other => panic!("{arch} {mode}: {other:?}"),
        }
    }
}

#[test]
fn a_guest_that_panics() {
    causes(
        "panic",
        LONG,
        |cause| matches!(cause, Cause::Ended(Ended::Crash(line)) if line.contains("@panic")),
    );
}

#[test]
fn a_guest_that_faults() {
    causes("fault", LONG, |cause| matches!(cause, Cause::Ended(Ended::Crash(_))));
}

#[test]
fn a_guest_that_prints_without_end() {
    causes("garbage", Duration::from_secs(15), |cause| {
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

/// Machines with vCPUs that an interrupt wakes: release, architecture, mode, vCPUs, and further words.
const VCPUS: [(&str, Arch, Mode, u16, &str); 7] = [
    ("4.20", Arch::X86_64, Mode::Pv, 4, ""),
    ("4.20", Arch::X86_64, Mode::Pvh, 2, "apic"),
    ("4.17", Arch::X86_64, Mode::Pvh, 4, ""),
    ("4.20", Arch::X86_32, Mode::Pvh, 2, "apic"),
    ("4.20", Arch::Aarch64, Mode::Native, 4, ""),
    ("4.17", Arch::Arm, Mode::Native, 1, ""),
    ("4.20", Arch::Arm, Mode::On64, 1, ""),
];

/// An event goes round, and upcalls wake the vCPUs that it reaches. All of them use one grant table.
#[test]
fn vcpus_wake_each_other_and_share_a_grant_table() {
    for (release, arch, mode, count, words) in VCPUS {
        let boot = Boot::new(release, arch, mode).vcpus(count).without_transcript();
        let report = boot.arguments(&format!("vcpus={count} {words}")).run();
        let output = report.unwrap_or_else(|error| panic!("{error}")).output;
        let has = |wanted: &str| {
            let found = output.lines().any(|line| line.trim_end() == wanted);
            assert!(found, "{release} {arch} {mode}: no {wanted:?} in\n{output}");
        };
        has("vcpu 99 is refused");
        has("vcpu 0 took 26 events in upcalls");
        (1..count).for_each(|vcpu| has(&format!("vcpu {vcpu} took 25 events in upcalls")));
        has(&format!("vcpus {count}: 0 stray events, 0 wrong grants, 0 references missing"));
    }
}
