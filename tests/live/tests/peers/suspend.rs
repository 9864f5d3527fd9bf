//! Our kernel suspended by xl, which first takes a copy and lets it go on, and then stores it and restores it
//! as another domain.

use std::fs;

use xen_live::{Arch, Boot, Mode, build_kernel};

use crate::expect;

/// A command that waits until the kernel has written a line so often.
fn until(line: &str, count: u32) -> String {
    let log = "/var/log/xen/console/guest-peer.log";
    format!(
        "for i in $(seq 600); do [ $(grep -c '{line}' {log}) -ge {count} ] && exit 0; sleep 0.1; done; exit 1"
    )
}

/// What xl is told. Its script for the disk is xen-run's.
const CONFIG: &str = r#"name = "peer"
type = "pvh"
memory = 20
shadow_memory = 8
kernel = "/peer"
extra = "suspend"
disk = ["phy:/dev/loop0,xvda,w"]
on_poweroff = "destroy"
on_crash = "destroy"
"#;

/// What the kernel and dom0 write.
fn run(release: &str) -> Vec<String> {
    let place = tempfile::tempdir().unwrap();
    let kernel = build_kernel("tests/peers", Arch::X86_64).unwrap().join("xen-peers");
    let config = place.path().join("peer.cfg");
    fs::write(&config, CONFIG).unwrap();
    let boot = Boot::new(release, Arch::X86_64, Mode::Linux).toolstack().without_transcript();
    let boot = boot.file("peer", &kernel).file("peer.cfg", &config);
    let lines = [
        "insmod /modules/loop.ko && insmod /modules/xen-blkback.ko",
        "dd if=/dev/zero of=/disk bs=64k count=1 && losetup /dev/loop0 /disk",
        "xl create -q /peer.cfg",
        &until("suspend is awaited", 1),
        "time xl save -c peer /dev/null",
        &until("suspend is awaited", 2),
        "time xl save peer /saved",
        "time xl restore /saved",
        "for i in $(seq 600); do [ $(xl list | wc -l) = 2 ] && break; sleep 0.1; done",
        "cat /var/log/xen/console/guest-peer.log",
        "echo \"disk has $(head -c 24 /disk)\"",
    ];
    let report = lines.iter().fold(boot, |boot, line| boot.command(line)).run();
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    eprintln!("{release}: {:.1?}", report.elapsed);
    report.output.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// What is there afterwards.
const SUSPENDED: [&str; 12] = [
    "suspend disk is written",
    "suspend Cancelled, the domain and its grant are the same: true",
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
fn a_domain_goes_on_after_xl_has_saved_and_restored_it() {
    for release in ["4.20", "4.17"] {
        expect(&run(release), &SUSPENDED);
    }
}
