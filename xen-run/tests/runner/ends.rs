//! How machines end, and what is left of them.

use std::fs;
use std::io::Write as _;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{Place, runs};

/// Waits until a script has written a file.
fn wait_for(place: &Place, name: &str) {
    let start = Instant::now();
    while fs::read_to_string(place.path(name)).unwrap_or_default().is_empty() {
        assert!(start.elapsed() < Duration::from_secs(30), "no {name}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Sends a signal to a process of ours.
fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let sent = std::process::Command::new("kill").args(["-s", name, &id]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn the_console_is_the_guests_and_xens_lines_are_left_out() {
    let place = Place::new("echo '(XEN) hello from Xen'; echo hello; exit 85");
    assert_eq!(place.run(&["kernel"]), (Some(0), "hello\n".to_owned(), String::new()));
    let (status, stdout, stderr) = place.run(&["-v", "--log", "log", "kernel"]);
    assert_eq!((status, &*stdout), (Some(0), "(XEN) hello from Xen\nhello\n"));
    assert!(stderr.contains("qemu-system-x86_64 -accel tcg"), "{stderr}");
    assert_eq!(fs::read_to_string(place.path("log")).unwrap(), stdout);
    assert_eq!(place.left(), [""; 0]);
}

#[test]
fn exit_statuses_say_how_it_ended() {
    for (script, expected, said) in [
        ("exit 85", 0, ""),
        ("echo '(XEN) Hardware Dom0 halted: halting machine'; exec sleep 100", 0, ""),
        ("exit 43", 43, "exit status 43"),
        ("echo '(XEN) Hardware Dom0 crashed: rebooting'; exit 0", 101, "crashed"),
        ("echo '(XEN) Domain 0 crashed:'; exit 0", 101, "crashed"),
        ("echo '(XEN) Hardware Dom0 shutdown: rebooting machine'; exit 0", 1, "restart"),
        ("exit 0", 1, "exit status 0"),
        ("echo 'no such machine' >&2; exit 1", 1, "no such machine"),
        ("kill -9 $$", 1, "signal"),
        ("echo '@failed /programs/x: 7'; exit 0", 7, "@failed"),
    ] {
        let place = Place::new(script);
        let (status, _, stderr) = place.run(&["kernel"]);
        assert_eq!(status, Some(expected), "{script}: {stderr}");
        assert!(stderr.contains(said), "{script}: {stderr}");
        assert_eq!(stderr.is_empty(), said.is_empty(), "{script}: {stderr}");
        assert_eq!(place.left(), [""; 0]);
    }
}

#[test]
fn a_failure_shows_what_xen_said_last() {
    let (_, stdout, stderr) = Place::new("echo '(XEN) the reason'; exit 0").run(&["kernel"]);
    assert_eq!(stdout, "");
    assert!(stderr.contains("| (XEN) the reason"), "{stderr}");
}

#[test]
fn a_machine_that_hangs_is_ended() {
    let place = Place::new("echo $$ >pid; exec sleep 100");
    let (status, _, stderr) = place.run(&["--timeout", "1", "kernel"]);
    assert_eq!(status, Some(124), "{stderr}");
    assert!(stderr.contains("not through after 1s"), "{stderr}");
    assert!(!runs(&place.path("pid")));
    assert_eq!(place.left(), [""; 0]);
}

#[test]
fn signals_end_the_machine_and_leave_nothing() {
    for (name, number) in [("INT", 2), ("TERM", 15), ("HUP", 1)] {
        let place = Place::new("echo $$ >pid; exec sleep 100");
        let mut child = place.command().arg("kernel").spawn().unwrap();
        wait_for(&place, "pid");
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(128 + number));
        assert!(!runs(&place.path("pid")), "{name}");
        assert_eq!(place.left(), [""; 0]);
    }
}

#[test]
fn a_program_that_is_killed_leaves_no_machine() {
    let place = Place::new("echo $$ >pid; exec sleep 100");
    let mut child = place.command().arg("kernel").spawn().unwrap();
    wait_for(&place, "pid");
    child.kill().unwrap();
    child.wait().unwrap();
    let start = Instant::now();
    while runs(&place.path("pid")) {
        assert!(start.elapsed() < Duration::from_secs(10), "QEMU still runs");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_is_typed_reaches_the_machine() {
    let place = Place::new("read line; echo \"got $line\"; exit 85");
    let mut command = place.command();
    let command = command.arg("kernel").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"a line\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"got a line\n");
}

#[test]
fn words_reach_the_kernel_and_variables_are_options() {
    let place = Place::new("echo \"$@\"; exit 85");
    let mut command = place.command();
    command.envs([
        ("XEN_RUN_MODE", "pvh"),
        ("XEN_RUN_XEN_ARGUMENTS", "flask=0"),
        ("XEN_RUN_GDB", "77"),
    ]);
    let output = command.args(["kernel", "a=1,2", "--mode", "me={domid}"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["kernel a=1,,2 --mode me=0", "dom0=pvh", "flask=0", "-S -gdb tcp:127.0.0.1:77"] {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("target remote :77"), "{said}");
}
