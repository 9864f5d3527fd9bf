//! What is missing or wrong before anything is booted: each is one line, with the way out.

use std::fs;

use super::{Place, kernel};

/// What is said if nothing is booted.
#[track_caller]
fn refused(place: &Place, words: &[&str], expected: &[&str]) {
    let (status, stdout, stderr) = place.run(words);
    assert_eq!(status, Some(125), "{stderr}");
    assert_eq!(stdout, "");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    for part in expected {
        assert!(stderr.contains(part), "no {part:?} in: {stderr}");
    }
    assert_eq!(place.left(), [""; 0]);
}

#[test]
fn without_qemu_its_package_is_named() {
    let place = Place::new("exit 85");
    let mut command = place.command();
    let output = command.env("PATH", place.path("nothing")).arg("kernel").output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("install QEMU") && text.contains("qemu-system-x86"), "{text}");
}

#[test]
fn an_old_qemu_is_refused() {
    for answer in ["QEMU emulator version 5.2.0", "something else", ""] {
        let place = Place::of(&format!("echo '{answer}'"));
        refused(&place, &["kernel"], &["6.0 or newer", "install a newer QEMU"]);
    }
}

#[test]
fn without_a_network_the_first_start_says_so() {
    let place = Place::new("exit 85");
    // Nothing listens at port 1.
    let mut command = place.command();
    command.env_remove("XEN_RUN_HYPERVISOR").env("DEBIAN_MIRROR", "http://127.0.0.1:1/debian");
    let output = command.arg("kernel").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(125), "{text}");
    let last = text.lines().last().unwrap();
    assert!(last.contains("cannot fetch") && last.contains("check the network"), "{text}");
    assert!(last.contains("DEBIAN_MIRROR"), "{text}");
}

#[test]
fn offline_the_cache_is_named() {
    let place = Place::new("exit 85");
    let mut command = place.command();
    command.env_remove("XEN_RUN_HYPERVISOR").env("XEN_RUN_OFFLINE", "true");
    let output = command.arg("kernel").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(125), "{text}");
    let cache = place.path(".cache/xen-run");
    assert!(text.contains(&cache.display().to_string()), "{text}");
    assert!(text.contains("run once without the offline option"), "{text}");
}

#[test]
fn an_elf_file_without_notes_is_refused() {
    let place = Place::new("exit 85");
    fs::write(place.path("plain"), kernel(62, b"GNU\0")).unwrap();
    refused(&place, &["plain"], &["without Xen's notes", "xen_guest::entry!", "mode linux"]);
}

#[test]
fn what_is_no_kernel_is_refused() {
    let place = Place::new("exit 85");
    for (name, content) in [("empty", &b""[..]), ("text", b"text"), ("cut", b"\x7fELF\x02\x01")] {
        fs::write(place.path(name), content).unwrap();
        refused(&place, &[name], &[name]);
    }
    refused(&place, &["absent"], &["absent: No such file"]);
    refused(&place, &["."], &["directory"]);
}

#[test]
fn a_kernel_for_another_architecture_is_refused() {
    let place = Place::new("exit 85");
    fs::write(place.path("elf-for-arm"), kernel(183, b"Xen\0")).unwrap();
    refused(&place, &["elf-for-arm"], &["an ELF file for aarch64", "-Txen-aarch64.ld"]);
    let mut image = vec![0; 64];
    image[0x38..0x3c].copy_from_slice(b"ARM\x64");
    fs::write(place.path("image"), image).unwrap();
    refused(&place, &["--mode", "pv", "image"], &["a kernel for aarch64", "Xen"]);
    refused(&place, &["--mode", "armhf", "image"], &["a kernel for aarch64", "mode armhf"]);
    refused(&place, &["--mode", "arm64", "kernel"], &["a kernel for x86_64", "mode arm64"]);
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let place = Place::new("exit 85");
    refused(&place, &["--guest", "kernel", "kernel"], &["--guest is for --mode linux"]);
    let (status, _, stderr) = place.run(&["--release", "4.9", "kernel"]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("4.14, 4.17, 4.20"), "{stderr}");
}

#[test]
fn a_log_that_cannot_be_written_is_named() {
    let place = Place::new("exit 85");
    refused(&place, &["--log", "nowhere/log", "kernel"], &["nowhere/log"]);
}

#[test]
fn help_has_examples() {
    let (status, stdout, _) = Place::new("exit 85").run(&["--help"]);
    assert_eq!(status, Some(0));
    for part in ["Examples:", "XEN_RUN_RELEASE", "--gdb", "dom0less", "runner = \"xen-run\""] {
        assert!(stdout.contains(part), "no {part:?} in: {stdout}");
    }
}
