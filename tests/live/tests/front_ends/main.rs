//! Our back ends in dom0, as programs, with Linux's own front ends as their peers. `cargo xtask live --front-ends`.
//!
//! Two Linuxes boot, one of them in a guest of Xen's under emulation: minutes, so that it is a binary of its own.

#![cfg(feature = "boot")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use xen_live::{Arch, Boot, Mode, until, until_written};
use xen_run::Dom0Files;
use xen_run::debian_packages::Options;

/// What xl is told. The guest is not PV: two Linuxes as PV guests now and then have a program die under QEMU's
/// emulation. It reads the time itself, since QEMU does not say how long an instruction is that Xen would emulate.
const CONFIG: &str = r#"name = "linux"
type = "pvh"
tsc_mode = "native"
memory = 192
kernel = "/vmlinuz"
ramdisk = "/guest.cpio"
extra = "console=hvc0 loglevel=4"
on_poweroff = "destroy"
on_reboot = "destroy"
on_crash = "destroy"
"#;

/// The value of the result that begins with `name`.
#[track_caller]
fn value<'a>(output: &'a str, name: &str) -> &'a str {
    let mut values = output.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    values.next().unwrap_or_else(|| panic!("no {name} in {output}")).trim()
}

/// Both back ends abort once, in the middle of a request that is not the first, and are started again.
#[test]
fn linux_reads_writes_and_transfers_over_our_back_ends_though_they_die() {
    let place = tempfile::tempdir().unwrap();
    let config = place.path().join("linux.cfg");
    fs::write(&config, CONFIG).unwrap();
    let files = Dom0Files::linux("4.20", Arch::X86_64).unwrap();
    let files = files.obtain(&Options::from_env()).unwrap();
    let init = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/front_ends/guest");

    let sum = |name: &str, from: &str| format!("echo \"{name} $({from} | md5sum | cut -c 1-32)\"");
    let twice = |arguments: &str, count: u32, log: &str| {
        format!(
            "(/programs/backend {arguments} {count}; /programs/backend {arguments}) >{log} 2>&1 &"
        )
    };
    let boot = Boot::new("4.20", Arch::X86_64, Mode::Linux).toolstack().without_transcript();
    // Two Linuxes boot.
    let boot = boot
        .deadline(Duration::from_secs(900))
        .file("vmlinuz", &files.paths["vmlinuz"])
        .file("linux.cfg", &config)
        .file("guest/init", &init)
        .dom0_file("backend")
        .unwrap()
        .command("mkdir /guest/bin /guest/modules; cp /bin/busybox /guest/bin")
        .command("cp /modules/xen-blkfront.ko /modules/xen-netfront.ko /guest/modules")
        .command("cd /guest && find . | cpio -o -H newc >/guest.cpio")
        .command("dd if=/dev/urandom of=/disk bs=64k count=16; insmod /modules/tun.ko")
        .command(&sum("before", "cat /disk"))
        .command("cp /disk /original; xl create -q -p /linux.cfg")
        .dom0_program("attach", "disk 1 1:0")
        .unwrap()
        .dom0_program("attach", "network 1 00:16:3e:00:00:01")
        .unwrap()
        .command(&twice("disk 1 /disk", 40, "/disk.log"))
        .command(&twice("network 1", 100, "/network.log"))
        .command(&until("[ -e /sys/class/net/tap0 ]"))
        .command("ifconfig tap0 192.168.7.1 netmask 255.255.255.0 up")
        // An end of the input that has nothing to send would be the end of the connection.
        .command("mkfifo /nothing; sleep 1000 >/nothing & nc -l -p 5000 </nothing >/received &")
        .command("nc -l -p 5001 </original &")
        .command("xl unpause linux")
        .command(&until_written("linux", "^guest through"))
        // The domain's end is the end of both.
        .command(&until("grep -q served /disk.log && grep -q took /network.log"))
        .command("cat /var/log/xen/console/guest-linux.log /disk.log /network.log")
        .command(&sum("disk begins", "head -c 524288 /disk"))
        .command(&sum("disk goes on", "tail -c 524288 /disk"))
        .command(&sum("originally", "tail -c 524288 /original"))
        .command(&sum("received", "cat /received"));
    let report = boot.run().unwrap_or_else(|error| panic!("{error}"));
    eprintln!("{:.1?}", report.elapsed);
    let of = |name| value(&report.output, name);

    // Each sum has been computed at both ends.
    assert_eq!(of("guest sectors"), "2048");
    assert_eq!(of("guest read"), of("before"));
    let noise = of("guest noise");
    assert_eq!(of("guest read again"), noise, "{}", report.output);
    assert_eq!(of("disk begins"), noise);
    assert_eq!(of("disk goes on"), of("originally"));
    assert_eq!(of("received"), noise);
    assert_eq!(of("guest received"), of("before"));
    assert_ne!(noise, of("before"));

    let lines: Vec<&str> = report.output.lines().map(str::trim_end).collect();
    for (wanted, times) in [
        ("backend dies", 2),
        ("backend disk x86_64-abi of 16 pages, takes over: false", 1),
        ("backend disk x86_64-abi of 16 pages, takes over: true", 1),
        ("backend disk served some: true, failed 0", 1),
        ("backend network took packets: true, bad 0", 1),
        ("guest through", 1),
    ] {
        let found = lines.iter().filter(|line| **line == wanted).count();
        assert_eq!(found, times, "{wanted:?} in {}", report.output);
    }
}
