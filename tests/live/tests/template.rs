//! The kernel of `templates/kernel` on real hypervisors: `cargo test -p xen-live --features boot`.

#![cfg(feature = "boot")]

use std::fs;
use std::path::Path;

use xen_live::{Arch, Boot, Cause, Error, Mode, build_kernel};
use xen_run::Cause as Ended;

/// What the kernel prints as each kind of guest.
const MACHINES: [(&str, Arch, Mode, &str); 6] = [
    ("4.20", Arch::X86_64, Mode::Pv, "PV"),
    ("4.20", Arch::X86_64, Mode::Pvh, "PVH"),
    ("4.20", Arch::X86_32, Mode::Pvh, "PVH"),
    ("4.20", Arch::Aarch64, Mode::Native, "Arm"),
    ("4.20", Arch::Arm, Mode::On64, "Arm"),
    ("4.17", Arch::Arm, Mode::Native, "Arm"),
];

fn boot(release: &str, arch: Arch, mode: Mode) -> Boot {
    let kernel = build_kernel("templates/kernel", arch).unwrap().join("kernel");
    Boot::new(release, arch, mode).other_kernel(&kernel)
}

#[test]
fn the_template_prints_shares_a_page_times_itself_and_receives_an_event() {
    for (release, arch, mode, kind) in MACHINES {
        let report = boot(release, arch, mode).arguments("a=1 b").run().unwrap();
        let line = |start: &str| {
            let found = report.output.lines().find(|line| line.starts_with(start));
            found.unwrap_or_else(|| panic!("no {start:?} in:\n{}", report.output)).trim_end()
        };
        let hello = line(&format!("hello from a {kind} guest"));
        assert!(hello.ends_with("a=1 b\""), "{hello}");
        assert_eq!(line("copied"), "copied 4096 bytes: Ok(\"shared\")");
        assert_eq!(line("received"), "received 1 event");
        let time = line("shared a page").split(' ').rev().nth(1).unwrap();
        let time: u64 = time.parse().unwrap();
        // An emulated machine takes longer than 1 microsecond and less than its deadline.
        assert!((1_000..60_000_000_000).contains(&time), "{release} {arch} {mode}: {time} ns");
        if matches!(arch, Arch::X86_64 | Arch::X86_32) {
            let day = line("1").split(' ').next().unwrap().parse::<u64>().unwrap();
            assert!(day > 1_700_000_000, "{day}");
        }
    }
}

#[test]
fn the_template_has_at_most_a_hundred_lines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let text = fs::read_to_string(root.join("templates/kernel/src/main.rs")).unwrap();
    assert!(text.lines().count() <= 100, "{} lines", text.lines().count());
}

/// A kernel for another architecture does not run, and its end is no success.
#[test]
fn a_kernel_for_another_architecture_is_a_failure() {
    let kernel = build_kernel("templates/kernel", Arch::Aarch64).unwrap().join("kernel");
    let place = tempfile::tempdir().unwrap();
    let boot = Boot::new("4.20", Arch::X86_64, Mode::Pvh).other_kernel(&kernel);
    let result = boot.place(place.path()).deadline(std::time::Duration::from_secs(15)).run();
    match result {
        Err(Error::Failed(failure)) => assert!(
            matches!(
                failure.cause,
                Cause::Ended(Ended::Crash(_))
                    | Cause::Ended(Ended::Status(_))
                    | Cause::Ended(Ended::Deadline(_))
            ),
            "{failure}"
        ),
        other => panic!("{other:?}"),
    }
}
