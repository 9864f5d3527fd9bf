//! Our kernel suspended by xl, which lets it go on, and then stores it and restores it as another domain.

use std::fs;

use xen_live::{Arch, Boot, Mode, build_kernel, until};

use crate::expect;

/// A command that waits until the kernel has written a line so often.
fn written(line: &str, count: u32) -> String {
    until(&format!("[ $(grep -c '{line}' /var/log/xen/console/guest-peer.log) -ge {count} ]"))
}

/// What xl is told, before the kernel's words. Its script for the disk is xen-run's. Pages that are restored
/// one by one need more shadow memory than xl reserves for so small a domain.
const CONFIG: &str = r#"name = "peer"
type = "pvh"
memory = 20
shadow_memory = 8
kernel = "/peer"
disk = ["phy:/dev/loop0,xvda,w"]
on_poweroff = "destroy"
on_crash = "destroy"
"#;

/// What the kernel writes, told `words`, while xl does `work` to it, and what dom0 writes.
fn run(release: &str, words: &str, work: &[&str]) -> Vec<String> {
    let place = tempfile::tempdir().unwrap();
    let kernel = build_kernel("tests/peers", Arch::X86_64).unwrap().join("xen-peers");
    let config = place.path().join("peer.cfg");
    fs::write(&config, format!("{CONFIG}extra = \"{words}\"\n")).unwrap();
    let boot = Boot::new(release, Arch::X86_64, Mode::Linux).toolstack().without_transcript();
    let boot = boot.file("peer", &kernel).file("peer.cfg", &config);
    let before = [
        "insmod /modules/loop.ko && insmod /modules/xen-blkback.ko",
        "dd if=/dev/zero of=/disk bs=64k count=1 && losetup /dev/loop0 /disk",
        "xl create -q /peer.cfg",
    ];
    let after = [
        &until("[ $(xl list | wc -l) = 2 ]"),
        "cat /var/log/xen/console/guest-peer.log",
        "echo \"disk has $(head -c 24 /disk)\"",
    ];
    let lines = before.iter().chain(work).chain(&after);
    let report = lines.fold(boot, |boot, line| boot.command(line)).run();
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    eprintln!("{release}: {:.1?}", report.elapsed);
    report.output.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// What is there once the domain was restored.
const RESTORED: [&str; 11] = [
    "suspend disk is written",
    "suspend Resumed, the domain is another: true",
    "suspend upcall true",
    "suspend old grant copies false",
    "suspend memory is kept: true",
    "suspend new grant copies true",
    "suspend xenstore knows the domain: true",
    "suspend old disk's pages returned: true",
    "suspend disk is kept: true",
    "through",
    "disk has written before the save.",
];

#[test]
fn a_domain_goes_on_after_xl_has_suspended_saved_and_restored_it() {
    let work = [
        &written("suspend is awaited", 1),
        "xl suspend peer && xl resume peer",
        &written("suspend is awaited", 2),
        "xl save peer /saved && xl restore /saved",
    ];
    let lines = run("4.20", "cancel suspend", &work);
    expect(&lines, &["suspend Cancelled, the domain and its grant are the same: true"]);
    expect(&lines, &RESTORED);
    // This release cannot resume a domain without saving it.
    let work = [&written("suspend is awaited", 1), "xl save peer /saved && xl restore /saved"];
    expect(&run("4.17", "suspend", &work), &RESTORED);
}
