//! Domains that misbehave, started by a Linux: `cargo test -p xen-live --features boot`.

#![cfg(feature = "boot")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use xen_live::{Arch, Boot, Cause, Error, Failure, Mode};
use xen_run::Cause as Ended;

/// For domains that never end, of which Linux says so after half of it, unless the machine is busy with
/// other things.
const LIMIT: Duration = Duration::from_secs(60);

/// What becomes of a boot of three domains.
#[track_caller]
fn failure(mode: Mode, change: impl FnOnce(Boot, &Path) -> Boot) -> (Failure, String) {
    let place = tempfile::tempdir().unwrap();
    let boot = Boot::new("4.17", Arch::X86_64, mode).domains(3).place(place.path());
    match change(boot, place.path()).run() {
        Err(Error::Failed(failure)) => {
            let log = fs::read_to_string(&failure.log).unwrap();
            (*failure, log)
        }
        other => panic!("{other:?}"),
    }
}

/// Whether a line was quoted.
#[track_caller]
fn quotes(failure: &Failure, words: &str) {
    assert!(
        matches!(&failure.cause, Cause::Ended(Ended::Crash(line)) if line.contains(words)),
        "{failure}"
    );
}

#[test]
fn a_domain_that_panics() {
    let (failure, log) = failure(Mode::Pv, |boot, _| boot.arguments("misbehave=panic"));
    quotes(&failure, "@panic src/misbehave.rs");
    assert!(log.contains("as it was told"), "{failure}");
}

#[test]
fn a_domain_that_faults() {
    let (failure, log) = failure(Mode::Pvh, |boot, _| boot.arguments("misbehave=fault"));
    quotes(&failure, "Triple fault");
    assert!(log.contains("@failed Domain 1 has shut down, reason code"), "{failure}");
}

#[test]
fn a_paravirtualised_domain_that_faults() {
    let (failure, _) = failure(Mode::Pv, |boot, _| boot.arguments("misbehave=fault"));
    quotes(&failure, "Domain 1 (vcpu#0) crashed");
}

#[test]
fn domains_that_hang() {
    let hang = |boot: Boot, _: &Path| boot.arguments("misbehave=hang").deadline(LIMIT);
    let (failure, log) = failure(Mode::Pv, hang);
    if failure.cause != Cause::Ended(Ended::Deadline(LIMIT)) {
        quotes(&failure, "@failed domains that are not through in time");
        assert!(log.contains("domain-3"), "{failure}");
    }
}

#[test]
fn domains_that_write_much_lose_nothing() {
    let place = tempfile::tempdir().unwrap();
    let boot = Boot::new("4.17", Arch::X86_64, Mode::Pv).domains(3).place(place.path());
    let report =
        boot.arguments("misbehave=chatter").run().unwrap_or_else(|error| panic!("{error}"));
    // Twenty times as much as a console's ring holds, one domain after another.
    let lines = report.output.lines().filter(|line| line.contains("chatter"));
    let expected = (0..3).flat_map(|_| (0..1000).map(|number| format!("@chatter {number:030}")));
    for (line, expected) in lines.map(str::trim_end).zip(expected.clone()) {
        assert_eq!(line, expected);
    }
    assert_eq!(report.output.matches("@chatter").count(), expected.count());
}

#[test]
fn a_kernel_that_is_none_is_refused() {
    let (failure, log) = failure(Mode::Pv, |boot, place| {
        let kernel = place.join("kernel");
        fs::write(&kernel, "text").unwrap();
        boot.kernel(&kernel)
    });
    quotes(&failure, "@failed xl create domain-1.cfg: 3");
    assert!(log.contains("libxl: error"), "{failure}");
    let text = failure.to_string();
    assert!(text.contains("cargo xtask live --release 4.17 --arch x86_64 --mode pv --domains 3"));
}
