//! Our kernel suspended by xl, which lets it go on, and then stores it and restores it as another domain.

use std::fs;
use std::time::Duration;

use xen_live::{Arch, Boot, Mode, build_kernel, until};

use crate::expect;

/// How long the machine may take, in which domains are stored and restored one after another.
const LIMIT: Duration = Duration::from_secs(720);

/// A domain of one kind, by which it is named: its kernel's architecture and words, and what xl does to it.
struct Suspended {
    kind: &'static str,
    arch: Arch,
    words: &'static str,
    work: Vec<String>,
}

impl Suspended {
    /// It is suspended and goes on, if `first`, and is then stored and restored.
    fn new(kind: &'static str, arch: Arch, first: bool) -> Self {
        let awaited = |count: u32| {
            let log = log(kind);
            until(&format!("[ $(grep -c 'suspend is awaited' {log}) -ge {count} ]"))
        };
        let mut work = vec![awaited(1)];
        if first {
            work.extend([format!("xl suspend {kind} && xl resume {kind}"), awaited(2)]);
        }
        work.push(format!("xl save {kind} /saved && xl restore /saved && rm /saved"));
        Self { kind, arch, words: if first { "cancel suspend" } else { "suspend" }, work }
    }

    /// What xl is told. Its script for the disk is xen-run's. Pages of a PVH domain that are restored one by one need
    /// more shadow memory than xl reserves for so small a domain.
    fn config(&self) -> String {
        let Self { kind, arch, words, .. } = self;
        let (mode, more) = match *kind {
            "pv" => ("pv", ""),
            _ => ("pvh", "shadow_memory = 8\n"),
        };
        format!(
            "name = \"{kind}\"\ntype = \"{mode}\"\nmemory = 20\n{more}kernel = \"/peer-{arch}\"\n\
             extra = \"{words}\"\ndisk = [\"phy:/dev/loop0,xvda,w\"]\n\
             on_poweroff = \"destroy\"\non_crash = \"destroy\"\n"
        )
    }
}

fn log(kind: &str) -> String {
    format!("/var/log/xen/console/guest-{kind}.log")
}

/// What the domains write one after another, each line with the kind before it, and what dom0 writes about them.
fn run(release: &str, domains: &[Suspended]) -> Vec<String> {
    let place = tempfile::tempdir().unwrap();
    let boot = Boot::new(release, Arch::X86_64, Mode::Linux).toolstack().without_transcript();
    let mut boot = boot
        .deadline(LIMIT)
        .command("insmod /modules/loop.ko && insmod /modules/xen-blkback.ko")
        .command("dd if=/dev/zero of=/disk bs=64k count=1 && losetup /dev/loop0 /disk");
    for domain in domains {
        let kind = domain.kind;
        let config = place.path().join(kind);
        fs::write(&config, domain.config()).unwrap();
        let kernel = build_kernel("tests/peers", domain.arch).unwrap().join("xen-peers");
        boot = boot.file(&format!("peer-{}", domain.arch), &kernel);
        boot = boot.file(&format!("{kind}.cfg"), &config);
        boot = boot.command(&format!("xl create -q /{kind}.cfg"));
        boot = domain.work.iter().fold(boot, |boot, line| boot.command(line));
        // It is gone, and the xl with it that has waited for that.
        boot = boot.command(&until("! pidof xl >/dev/null"));
        boot = boot.command(&format!("sed 's/^/{kind}: /' {}", log(kind)));
        boot = boot.command(&format!("echo \"{kind}: disk has $(head -c 24 /disk)\""));
        boot = boot.command("dd if=/dev/zero of=/disk bs=64k count=1 conv=notrunc");
    }
    let report = boot.run().unwrap_or_else(|error| panic!("{error}"));
    eprintln!("{release}: {:.1?}", report.elapsed);
    report.output.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// What is there once a domain was restored.
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
fn domains_go_on_after_xl_has_suspended_saved_and_restored_them() {
    let of = |kind: &str, line: &str| format!("{kind}: {line}");
    let domains = [("pvh", Arch::X86_64), ("pv", Arch::X86_64), ("pvh-32", Arch::X86_32)];
    let lines = run("4.20", &domains.map(|(kind, arch)| Suspended::new(kind, arch, true)));
    for (kind, _) in domains {
        let cancelled = "suspend Cancelled, the domain and its grant are the same: true";
        expect(&lines, &[&of(kind, cancelled)]);
        RESTORED.iter().for_each(|line| expect(&lines, &[&of(kind, line)]));
    }
    // This release cannot resume a domain without saving it.
    let lines = run("4.17", &[Suspended::new("pvh", Arch::X86_64, false)]);
    RESTORED.iter().for_each(|line| expect(&lines, &[&of("pvh", line)]));
}
