//! The supervisor: what it sees of a program, and its faults.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::process::Command;

use xen_devices::{Device, Ending, Errno, Error, Held, Program, Run, State};

const PROBE: &str = env!("CARGO_BIN_EXE_probe");

fn probe(case: &str) -> Program {
    Program::new(PROBE).arg(case)
}

fn run(program: Program) -> Run {
    program.run().unwrap()
}

#[test]
fn calls_are_listed_with_their_device_and_result() {
    let run = run(probe("limit"));
    let calls: Vec<_> = run.window("limit").calls.iter().map(ToString::to_string).collect();
    assert_eq!(
        calls.iter().filter(|call| !call.starts_with("write()")).collect::<Vec<_>>(),
        [
            "openat(gntalloc) = 3",
            "ioctl(gntalloc, ALLOC_GREF) = ENOSPC",
            "ioctl(gntalloc, ALLOC_GREF) = 0",
            "ioctl(gntalloc, ALLOC_GREF) = ENOSPC",
            "close(gntalloc) = 0",
            "openat(gntalloc) = 3",
            "ioctl(gntalloc, ALLOC_GREF) = 0",
            "close(gntalloc) = 0",
        ]
    );
}

#[test]
fn a_call_fails_once() {
    let program = probe("limit").fail(1, Errno::EINTR);
    let run = run(program);
    let failed: Vec<_> = run.window("limit").calls.iter().filter(|call| call.failed).collect();
    let [call] = failed[..] else { panic!("{failed:?}") };
    assert!(call.is(Device::Gntalloc, "ALLOC_GREF"));
    assert_eq!(call.to_string(), "ioctl(gntalloc, ALLOC_GREF) = EINTR (a fault)");
    assert!(run.stdout.starts_with("beyond the limit: EINTR\nthe limit: 0\n"), "{}", run.stdout);
}

#[test]
fn a_call_always_fails() {
    let run = run(probe("limit").fail_always(1, Errno::EAGAIN));
    assert!(run.stdout.lines().all(|line| line.ends_with(": EAGAIN")), "{}", run.stdout);
    assert_eq!(run.stdout.lines().count(), 4);
}

/// The kernel has no descriptor after a close, even one that fails.
#[test]
fn a_close_that_fails_has_closed() {
    let run = run(probe("resource").fail(19, Errno::EINTR));
    let window = run.window("resource");
    assert_eq!(window.calls[19].to_string(), "close(privcmd) = EINTR (a fault)");
    assert_eq!(window.leaked(), State::default());
}

#[test]
fn an_open_that_fails_gives_no_descriptor() {
    let run = run(probe("limit").fail(0, Errno::ENOENT));
    assert_ne!(run.ending, Ending::Exited(0));
    assert!(run.stderr.contains("gntalloc: ENOENT"), "{}", run.stderr);
    assert_eq!(run.left, State::default());
}

#[test]
fn leaks_are_reported() {
    let run = run(probe("leak"));
    let expected = [
        (Held::Descriptor, 3),
        (Held::Index, 1),
        (Held::MappedPage, 1),
        (Held::SharedPage, 1),
        (Held::Port, 1),
    ];
    assert_eq!(run.window("leak").leaked(), expected.into_iter().collect());
    assert_eq!(run.left, run.window("leak").leaked());
    assert_eq!(
        run.left.to_string(),
        "3 descriptors, 1 index, 1 mapped page, 1 shared page, 1 port"
    );
}

#[test]
fn the_heap_is_counted() {
    let run = run(probe("heap"));
    let window = run.window("heap");
    assert_eq!((window.heap_requests, window.heap_kept), (3, 100));
    assert!(window.calls.is_empty(), "the heap asked the system: {:?}", window.calls);
}

#[test]
fn threads_are_followed() {
    let run = run(probe("threads"));
    assert_eq!(run.stdout, "[true, true]\n");
    let window = run.window("threads");
    let maps = window.calls.iter().filter(|call| call.is(Device::Gntdev, "MAP_GRANT_REF"));
    assert_eq!(maps.count(), 10);
    assert_eq!(window.leaked(), State::default());
}

#[test]
fn children_are_followed() {
    let run = run(probe("fork"));
    assert_eq!(run.stdout, "parent: 0\nchild: 0\nits own: 0\nat page 0\nboth: 0\n");
    assert_eq!(run.left, State::default());
}

#[test]
fn a_program_that_does_not_end_is_killed() {
    let run = run(probe("runaway"));
    assert_eq!(run.ending, Ending::Runaway);
    assert_eq!(run.windows.len(), 1);
}

#[test]
fn a_crash_is_reported() {
    const SIGABRT: i32 = 6;
    assert_eq!(run(probe("crash")).ending, Ending::Killed(SIGABRT));
}

#[test]
fn a_missing_program_is_an_error() {
    let error = Program::new("/nonexistent/program").run().unwrap_err();
    assert!(matches!(error, Error::Start { .. }), "{error}");
    assert!(error.to_string().starts_with("/nonexistent/program cannot be started"), "{error}");
}

/// Without a supervisor a window only performs its operation.
#[test]
fn unsupervised_programs_are_not_changed() {
    let output = Command::new(PROBE).arg("heap").output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
