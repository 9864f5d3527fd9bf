//! The tool's answers to bad input, and without Xen.

use std::path::{Path, PathBuf};

use super::*;

/// Runs a command line with the devices in `devices`: its output, and the message and status of a failure.
fn gnttab(devices: &Path, line: &str, input: &[u8]) -> (String, Option<(String, u8)>) {
    let words = line.split_whitespace().map(str::to_owned);
    let global = ["gnttab".to_owned(), "--devices".into(), devices.display().to_string()];
    let arguments = match Arguments::try_parse_from(global.into_iter().chain(words)) {
        Ok(arguments) => arguments,
        Err(error) => {
            let status = u8::try_from(error.exit_code()).unwrap();
            return (String::new(), Some((error.to_string(), status)));
        }
    };
    let mut out = Vec::new();
    let result = run(&arguments, &mut &*input, &mut out);
    let failure = result.err().map(|failure| (failure.to_string(), failure.status()));
    (String::from_utf8(out).unwrap(), failure)
}

/// The message and the status of a failure.
fn failure(devices: &Path, line: &str) -> (String, u8) {
    let (out, failure) = gnttab(devices, line, b"");
    assert_eq!(out, "", "{line}");
    failure.unwrap_or_else(|| panic!("{line} did not fail"))
}

/// A directory with the names of the devices, all of which are another device.
fn others() -> tempfile::TempDir {
    let devices = tempfile::tempdir().unwrap();
    for name in ["gntdev", "gntalloc", "evtchn", "privcmd", "hypercall"] {
        std::os::unix::fs::symlink("/dev/zero", devices.path().join(name)).unwrap();
    }
    devices
}

#[test]
fn without_devices_every_command_suggests_a_module() {
    let nowhere = PathBuf::from("/dev/xen/missing");
    for (line, module) in [
        ("share 3", "xen-gntalloc"),
        ("share 3 -", "xen-gntalloc"),
        ("map 3:8", "xen-gntdev"),
        ("copy 3:8 -", "xen-gntdev"),
        ("copy - 3:8", "xen-gntdev"),
        ("copy 3:8 4:9", "xen-gntdev"),
    ] {
        let (text, status) = failure(&nowhere, line);
        assert_eq!(status, 3, "{line}: {text}");
        assert!(text.starts_with("/dev/xen/missing/gnt"), "{line}: {text}");
        assert!(text.contains("No such file or directory"), "{line}: {text}");
        assert!(text.ends_with(&format!("(`modprobe {module}`)?")), "{line}: {text}");
    }
}

#[test]
fn info_lists_what_is_missing() {
    let (out, failure) = gnttab(Path::new("/dev/xen/missing"), "info", b"");
    assert_eq!(failure, Some(("grants cannot be mapped and shared here".into(), 3)));
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines[0], "device    what for                state");
    let missing = "No such file or directory (os error 2)";
    assert_eq!(lines[1], format!("gntdev    maps and copies grants  {missing}"));
    assert_eq!(lines[2], format!("gntalloc  shares pages            {missing}"));
    assert_eq!(lines[3], format!("evtchn    events                  {missing}"));
    assert_eq!(lines[4], format!("privcmd   hypercalls              {missing}"));
    assert_eq!(lines[5], "");
    for (line, name) in (6..).zip(["gntdev", "gntalloc", "evtchn", "privcmd"]) {
        assert_eq!(
            lines[line],
            format!(
                "/dev/xen/missing/{name}: {missing}; is this a Xen domain, and is the module loaded \
                 (`modprobe xen-{name}`)?"
            )
        );
    }
}

#[test]
fn other_devices_are_not_taken_for_xens() {
    let devices = others();
    for line in ["share 3", "map 3:8", "copy 3:8 -"] {
        let (text, status) = failure(devices.path(), line);
        assert_eq!(status, 1, "{line}: {text}");
        assert!(text.contains("the device does not support this"), "{line}: {text}");
    }
    let (out, failure) = gnttab(devices.path(), "info", b"");
    assert_eq!(failure.map(|(_, status)| status), Some(3));
    assert_eq!(out.matches("the device does not support this").count(), 4, "{out}");
    assert!(!out.contains("is the module loaded"), "{out}");
}

#[test]
fn wrong_usage_is_2() {
    let nowhere = PathBuf::from("/dev/xen/missing");
    for (line, why) in [
        ("", "Usage"),
        ("map", "<GRANT>..."),
        ("map 8", "write DOMAIN:REFERENCE"),
        ("map 3:8-7", "ends before it begins"),
        ("map 3:8 --offset 4096", "outside the page"),
        ("map 3:8 --length -1", "'-1'"),
        ("share", "<DOMAIN>"),
        ("share dom0", "`dom0` is not a number"),
        ("share 0x7ff0", "0x7ff0 is a reserved domain id"),
        ("share 3 --pages many", "'many'"),
        ("share 3 --pages 0", "0 is not in 1..=65536"),
        ("share 3 --clear 5000", "outside the page"),
        ("copy 3:8", "<TO>"),
        ("copy 3:8+9999 -", "outside the page"),
        ("unshare 3", "unshare"),
    ] {
        let (text, status) = failure(&nowhere, line);
        assert_eq!(status, 2, "{line}: {text}");
        assert!(text.contains(why), "{line}: {text}");
    }
}

#[test]
fn impossible_requests_are_refused() {
    let nowhere = PathBuf::from("/dev/xen/missing");
    for (line, why) in [
        ("copy one two", "one end of a copy is grants"),
        ("copy - -", "one end of a copy is grants"),
        ("copy 3:8-9+0x10 - --length 8177", "the grants have 8176 bytes"),
        ("copy 3:8 4:9+1 --length 4096", "the grants have 4095 bytes"),
        ("copy - 3:8 --length 4097", "the grants have 4096 bytes"),
        ("map 3:8 --offset 4095 --length 2", "byte 4097 is outside the page"),
    ] {
        let (text, status) = failure(&nowhere, line);
        assert_eq!(status, 1, "{line}: {text}");
        assert!(text.contains(why), "{line}: {text}");
    }
}

#[test]
fn the_help_has_examples_and_statuses() {
    let (text, status) = failure(Path::new("/"), "--help");
    assert_eq!(status, 0);
    for part in ["Examples:", "gnttab map 3:8", "Exit status:", "share", "map", "copy", "info"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for command in ["share", "map", "copy", "info"] {
        let (text, _) = failure(Path::new("/"), &format!("{command} --help"));
        assert!(text.contains("--devices"), "{text}");
    }
}
