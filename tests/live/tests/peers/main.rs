//! The drivers of xen-io with the daemons and drivers of a Linux dom0 as peers: the kernel of `tests/peers`
//! in a domain that xl starts. `cargo test -p xen-live --features boot --test peers`.

#![cfg(feature = "boot")]

mod suspend;

use std::fs;

use xen_live::{Arch, Boot, Mode, build_kernel, until, until_written};

/// Starts the kernel with `words` on its command line, and returns what it and dom0 wrote. Dom0 runs `attach`
/// before the domain runs, and `meanwhile` while it does.
fn run(words: &str, attach: &[&str], meanwhile: &[&str]) -> Vec<String> {
    run_with(Boot::new("4.20", Arch::X86_64, Mode::Linux), words, attach, meanwhile)
}

/// The same in a machine that is told more.
fn run_with(boot: Boot, words: &str, attach: &[&str], meanwhile: &[&str]) -> Vec<String> {
    let place = tempfile::tempdir().unwrap();
    let kernel = build_kernel("tests/peers", Arch::X86_64).unwrap().join("xen-peers");
    let path = place.path().join("peer.cfg");
    let text = format!(
        "name = \"peer\"\ntype = \"pvh\"\nmemory = 64\nkernel = \"/peer\"\nextra = \"{words}\"\n\
         on_poweroff = \"destroy\"\non_crash = \"destroy\"\n"
    );
    fs::write(&path, text).unwrap();
    let mut boot = boot.toolstack().without_transcript();
    boot = boot.file("peer", &kernel).file("peer.cfg", &path).command("xl create -q -p /peer.cfg");
    for line in attach {
        boot = match line.split_once(' ') {
            Some(("attach", arguments)) => boot.dom0_program("attach", arguments).unwrap(),
            _ => boot.command(line),
        };
    }
    let report = meanwhile
        .iter()
        .fold(boot.command("xl unpause peer"), |boot, line| boot.command(line))
        .command(&until_written("peer", "^through"))
        .command("cat /var/log/xen/console/guest-peer.log")
        .run()
        .unwrap_or_else(|error| panic!("{error}"));
    let lines: Vec<String> = report.output.lines().map(|line| line.trim_end().to_owned()).collect();
    assert!(lines.iter().any(|line| line == "through"), "{}", report.output);
    lines
}

#[track_caller]
fn expect(lines: &[String], expected: &[&str]) {
    for wanted in expected {
        assert!(lines.iter().any(|line| line == wanted), "no {wanted:?} in {lines:#?}");
    }
}

/// The daemons of dom0: one boot for all three.
#[test]
fn xenstored_xen_9pfsd_and_libxenvchan_are_peers() {
    let attach = [
        "mkdir /share; echo hello >/share/given; dd if=/dev/urandom of=/noise bs=1000 count=200",
        "xen-9pfsd &",
        "attach files 1 /share",
    ];
    // The input ends when all of it has come back: its end is the end of the vchan.
    let echo = |mode, path, file| {
        let all = until(&format!("[ $(wc -c <{file}) -ge 200000 ]"));
        let proxy = format!("vchan-socket-proxy --mode={mode} 1 {path} -");
        format!("(cat /noise; {all}) | {proxy} >{file}; cmp /noise {file}")
    };
    let client = echo("client", "/local/domain/1/data/echo", "/echoed");
    let server = echo("server", "/local/domain/0/data/source", "/served");
    let made = "echo \"dom0 has $(wc -c </share/made) bytes\"";
    let lines = run("store files vchan vchan-client", &attach, &[&client, &server, made]);
    expect(
        &lines,
        &[
            // xen-9pfsd.
            "files allow rings: true, order 9",
            "files given 6 bytes",
            "files missing Err(Server { errno: 2 })",
            "files wrote and read 100000 bytes: true",
            "files removal true",
            "files closed",
            "dom0 has 100000 bytes",
            // libxenvchan.
            "vchan echoed 200000 bytes, and then Ok(0)",
            "vchan client echoed 200000 bytes, and then Ok(0)",
        ],
    );
    expect(&lines, &STORE);
    // What fits 2048 bytes.
    expect(&lines, &["store directory 80 Some(\"a-name-that-is-long-0079\")"]);
}

/// What the kernel says of a store, whichever program it is.
const STORE: [&str; 9] = [
    "store name peer",
    "store domid 1",
    "store read \"hello\"",
    "store refused true",
    "store missing true",
    "store events \"data/watched\" \"data/watched/below\"",
    "store transaction true",
    "store owner Some(domid_t(1))",
    "store removed true",
];

#[test]
fn the_store_in_ocaml_is_a_peer() {
    let place = tempfile::tempdir().unwrap();
    let which = place.path().join("xencommons");
    fs::write(&which, "XENSTORED=oxenstored\n").unwrap();
    let boot = Boot::new("4.20", Arch::X86_64, Mode::Linux);
    let boot = boot.file("etc/default/xencommons", &which);
    // The name of the process, which the kernel tells.
    let which = ["cat /proc/$(cat /run/xenstored.pid)/comm"];
    let lines = run_with(boot, "store", &which, &[]);
    // It has no such limit for a node, and no way to list in parts what does not fit a message.
    expect(&lines, &["oxenstored", "store directory refused Some(E2BIG)"]);
    expect(&lines, &STORE);
}

#[test]
fn linux_reads_and_writes_the_sectors_of_a_ram_disk_and_it_is_detached() {
    // The device 1:0 is the first RAM disk, of 8 MiB.
    let attach = [
        "insmod /modules/brd.ko rd_nr=1 rd_size=8192",
        "insmod /modules/xen-blkback.ko",
        "attach disk 1 1:0",
    ];
    // The device is closed by the first word, and then made again for the second one.
    let meanwhile = [
        &until_written("peer", "disk closed"),
        "/programs/attach disk 1 1:0",
        &until_written("peer", "detach is ready for the first end"),
        "/programs/attach close 1 disk",
        "/programs/attach disk 1 1:0",
        &until_written("peer", "detach is ready for the second end"),
        "/programs/attach remove 1 disk",
    ];
    let lines = run("disk detach", &attach, &meanwhile);
    expect(
        &lines,
        &[
            "disk takes 256 segments",
            "disk sectors 16384 of 512 bytes",
            "disk past the end Error(-1)",
            "disk closed, 18 pages returned",
            "detach closed after reads: true, all references free: true",
            "detach is gone: true",
            "detach was removed after reads: true, all references free: true",
        ],
    );
    let wrote = lines.iter().find(|line| line.starts_with("disk wrote")).expect("what was written");
    assert!(wrote.ends_with(": true"), "{wrote}");
}

#[test]
fn linux_pings_the_domain_and_transfers_over_tcp_through_its_network_back_end() {
    let attach = [
        "insmod /modules/xen-netback.ko",
        "attach network 1 00:16:3e:00:00:01",
        &until("[ -e /sys/class/net/vif1.0 ]"),
        "ifconfig vif1.0 192.168.7.1 netmask 255.255.255.0 up",
    ];
    // Linux verifies what comes back.
    let wait = until("[ \"$(cat /sys/class/net/vif1.0/carrier)\" = 1 ]");
    let meanwhile = [
        &wait,
        "ping -c 3 -W 20 -s 1000 192.168.7.2",
        "dd if=/dev/urandom of=/noise bs=1000 count=200",
        "nc 192.168.7.2 7 </noise >/echoed; cmp /noise /echoed",
    ];
    let lines = run("network", &attach, &meanwhile);
    expect(
        &lines,
        &[
            "network takes fragments true",
            "network echoed 200000 bytes, all packets taken: true",
            "network closed, 34 pages returned",
        ],
    );
    let received = |line: &String| line.contains("3 packets received");
    assert!(lines.iter().any(received), "{lines:#?}");
}
