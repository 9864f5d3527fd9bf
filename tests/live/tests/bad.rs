//! Machines that are no success, made up of scripts that stand for QEMU.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use xen_live::{Arch, Boot, Cause, Error, Failure, Mode, Report};
use xen_run::Cause as Ended;

/// A QEMU that answers to `--version` and then does what `script` says.
fn qemu(script: &str) -> TempDir {
    let version = "QEMU emulator version 7.2.22 (Debian)";
    qemu_of(&format!("[ \"$1\" = --version ] && {{ echo '{version}'; exit; }}\n{script}"))
}

fn qemu_of(script: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("qemu-system-x86_64");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

fn boot(qemu: &TempDir) -> Boot {
    let nothing = Path::new("/dev/null");
    let boot = Boot::new("4.17", Arch::X86_64, Mode::Pv).hypervisor(nothing).kernel(nothing);
    boot.qemu(qemu.path()).place(qemu.path()).deadline(Duration::from_secs(20))
}

fn run(script: &str) -> Result<Report, Error> {
    boot(&qemu(script)).run()
}

#[track_caller]
fn failure(result: Result<Report, Error>) -> Failure {
    match result {
        Err(Error::Failed(failure)) => *failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_machine_that_does_as_it_should_is_a_success() {
    let script = "echo '@0 begin a'; echo '@0 step b: c'; echo '@0 end 1'; exit 85";
    let qemu = qemu(script);
    let report = boot(&qemu).run().unwrap();
    assert_eq!(report.transcript.len(), 1);
    assert_eq!(fs::read_dir(qemu.path()).unwrap().count(), 1, "nothing is left");
    let log = boot(&qemu).keep(true).run().unwrap().log.unwrap();
    assert_eq!(fs::read_to_string(log).unwrap().lines().count(), 3);
}

#[test]
fn an_exit_status_alone_is_no_success() {
    let nothing = Cause::NotThrough { domid: 0, status: Some(85) };
    assert_eq!(failure(run("exit 85")).cause, nothing);
    let nothing = Cause::NotThrough { domid: 0, status: Some(0) };
    assert_eq!(failure(run("exit 0")).cause, nothing);
}

#[test]
fn a_marker_alone_is_no_success() {
    for status in [0, 101] {
        let script = format!("echo '@0 begin a'; echo '@0 end 0'; exit {status}");
        assert_eq!(failure(run(&script)).cause, Cause::Ended(Ended::Status(Some(status))));
    }
}

#[test]
fn lost_lines_are_counted() {
    let script = "echo '@0 begin a'; echo '@0 step b: c'; echo '@0 end 2'; exit 85";
    let lost = Cause::Lost { domid: 0, written: 2, read: 1 };
    assert_eq!(failure(run(script)).cause, lost);
}

#[test]
fn a_machine_that_hangs_is_killed() {
    let qemu = qemu("echo $$ > \"$(dirname \"$0\")/pid\"; exec sleep 100");
    let limit = Duration::from_millis(700);
    let failed = failure(boot(&qemu).deadline(limit).run());
    assert_eq!(failed.cause, Cause::Ended(Ended::Deadline(limit)));
    let process = fs::read_to_string(qemu.path().join("pid")).unwrap();
    assert!(!Path::new("/proc").join(process.trim()).exists(), "QEMU was killed");
}

#[test]
fn a_machine_that_prints_without_end_is_killed() {
    let failed = failure(run("exec yes garbage"));
    assert!(matches!(failed.cause, Cause::Ended(Ended::Garbage { .. })), "{failed}");
    assert!(failed.tail.lines().count() < 40, "{failed}");
}

#[test]
fn a_machine_that_is_killed_is_no_success() {
    let nothing = Cause::NotThrough { domid: 0, status: None };
    assert_eq!(failure(run("kill -9 $$")).cause, nothing);
}

#[test]
fn a_crash_is_quoted() {
    for line in ["(XEN) Panic on CPU 0:", "(XEN) Domain 0 crashed:", "@panic src/main.rs:1:1"] {
        let failed = failure(run(&format!("echo '{line}'; exit 0")));
        assert_eq!(failed.cause, Cause::Ended(Ended::Crash(line.to_owned())));
    }
}

#[test]
fn a_failure_says_everything() {
    let script = "echo '@0 begin a'; echo '@0 step b: c'; echo words; echo complaint >&2; exit 3";
    let qemu = qemu(script);
    let failed = failure(boot(&qemu).scenario("version").run());
    let text = failed.to_string();
    for part in [
        "4.17 x86_64 pv: QEMU ended with exit status 3 before domain 0 was through",
        "| words",
        "| complaint",
        "last step: domain 0, a, b: c",
        "again:     cargo xtask live --release 4.17 --arch x86_64 --mode pv --scenario version --log",
        "qemu-system-x86_64 -accel tcg",
    ] {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
    let log = fs::read_to_string(&failed.log).unwrap();
    assert!(log.ends_with("words\n"), "the log is kept: {log}");
}

#[test]
fn without_qemu_its_package_is_named() {
    let error = boot(&tempfile::tempdir().unwrap()).run().unwrap_err();
    assert!(matches!(error, Error::Boot(xen_run::Error::NoQemu { .. })));
    let text = error.to_string();
    assert!(text.contains("qemu-system-x86") && text.contains("install QEMU"), "{text}");
}

#[test]
fn an_old_qemu_is_refused() {
    for answer in ["QEMU emulator version 2.5.0", "something else", ""] {
        let error = boot(&qemu_of(&format!("echo '{answer}'"))).run().unwrap_err();
        assert!(matches!(error, Error::Boot(xen_run::Error::OldQemu { .. })), "{error}");
        assert!(error.to_string().contains("6.0 or newer"), "{error}");
    }
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let qemu = qemu("exit 85");
    let file = qemu.path().join("file");
    fs::write(&file, "").unwrap();
    let error = boot(&qemu).place(&file.join("logs")).run().unwrap_err();
    assert!(matches!(error, Error::Boot(xen_run::Error::File { .. })), "{error}");
    assert!(error.to_string().contains("file/logs"), "{error}");
}

#[test]
fn a_scenario_that_there_is_not_is_named() {
    let error = boot(&qemu("exit 85")).scenario("vresion").run().unwrap_err();
    let text = error.to_string();
    assert!(text.contains("\"vresion\"") && text.contains("gnttab-map"), "{text}");
}

#[test]
fn what_is_not_pinned_is_named() {
    let error = Boot::new("4.20", Arch::Arm, Mode::Native).run().unwrap_err();
    assert!(error.to_string().contains("no 4.20 arm native"), "{error}");
}

#[test]
fn commands_are_for_linux() {
    let error = boot(&qemu("exit 85")).command("true").run().unwrap_err();
    assert!(matches!(error, Error::NotLinux(_)), "{error}");
    assert!(error.to_string().contains("4.17 x86_64 pv"), "{error}");
}

#[test]
fn linux_on_arm_needs_a_newer_qemu() {
    let qemu = qemu_of("echo 'QEMU emulator version 7.1.0'");
    let (here, there) = ("qemu-system-x86_64", "qemu-system-aarch64");
    fs::rename(qemu.path().join(here), qemu.path().join(there)).unwrap();
    let boot = Boot::new("4.20", Arch::Aarch64, Mode::Linux).command("true").qemu(qemu.path());
    let error = boot.run().unwrap_err();
    assert!(
        matches!(error, Error::Boot(xen_run::Error::OldQemu { minimum: (7, 2), .. })),
        "{error}"
    );
}

#[test]
fn what_linux_says_last_is_quoted() {
    for line in ["@failed /programs/x: 139", "[ 1.0] Kernel panic - not syncing: Fatal exception"] {
        let failed = failure(run(&format!("echo '{line}'; exit 85")));
        assert_eq!(failed.cause, Cause::Ended(Ended::Crash(line.to_owned())));
    }
}
