//! Debian's Linux as the first domain: `cargo test -p xen-live --features boot --test dom0`.

#![cfg(feature = "boot")]

use xen_live::{Arch, Boot, Cause, Error, Mode};
use xen_run::Cause as Ended;

/// A transcript of one step, as a shell writes it.
fn hello(boot: &Boot) -> Boot {
    let mut boot = boot.clone();
    for line in ["begin hello", "step release: $(uname -r)", "end 1"] {
        boot = boot.command(&format!("echo @0 {line}"));
    }
    boot
}

fn linux(release: &str, arch: Arch) -> Boot {
    Boot::new(release, arch, Mode::Linux).progress(|line| eprintln!("{line}"))
}

#[test]
fn commands_run_and_their_lines_are_read() {
    for (release, arch) in [("4.17", Arch::X86_64), ("4.20", Arch::X86_64), ("4.20", Arch::Aarch64)]
    {
        let report = hello(&linux(release, arch)).run().unwrap_or_else(|error| panic!("{error}"));
        let step = report.transcript.steps().next().unwrap();
        eprintln!("{release} {arch}: {} in {:.1?}", step.result, report.elapsed);
        assert!(step.result.starts_with("6."), "{step:?}");
    }
}

#[test]
fn a_command_that_fails_fails_the_boot() {
    let boot = hello(&linux("4.20", Arch::Aarch64)).command("test -e /nowhere");
    match boot.run() {
        Err(Error::Failed(failure)) => {
            assert_eq!(
                failure.cause,
                Cause::Ended(Ended::Crash("@failed test -e /nowhere: 1".to_owned()))
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_toolstack_lists_the_first_domain() {
    for release in ["4.17", "4.20"] {
        let boot = linux(release, Arch::X86_64).toolstack();
        let boot = boot.command("echo \"@0 begin xl\"");
        let boot = boot.command("echo \"@0 step domains: $(xl list | tail -n +2 | cut -c 1-10)\"");
        let report = boot.command("echo @0 end 1").run().unwrap_or_else(|error| panic!("{error}"));
        eprintln!("{release}: {:.1?}", report.elapsed);
        let step = report.transcript.steps().next().unwrap();
        assert_eq!(step.result.trim(), "Domain-0");
    }
}
