//! Every system call of every operation of `xen-linux` fails, with every error number that it may return.
//!
//! Each case of `src/bin/cases` runs once without a fault, which lists its calls. Then it runs for each of
//! them and each error number: once with a call that fails once, once with one that always fails, and for
//! each call after such a fault once more with that one failing too. Each time the program must end
//! normally, report the error unless it recovers or is in a destructor, and hold nothing but what the
//! failed calls would have released. `tests/snapshots` has the tables.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::fmt::Write;

use xen_devices::{Call, Device, Ending, Errno, Held, Program, Run};

const CASES: &str = env!("CARGO_BIN_EXE_cases");

/// Cases whose last call releases something and reports errors; others drop it.
const REPORTING: &[&str] = &[
    "unmap",
    "unshare",
    "import-release",
    "foreign-unmap",
    "unbind",
    "irqfd-deassign",
    "ioeventfd-deassign",
];

/// Errors that are expected, and why.
const EXPECTED: &[(&str, &str, Errno)] = &[
    // The answer of evtchn about a port that does not exist: how the library identifies it.
    ("evtchn-open", "UNBIND", Errno::EINVAL),
    // The answer of a restricted privcmd, which can be used nevertheless.
    ("privcmd-open", "DM_OP", Errno::EPERM),
    // Nothing is pending.
    ("event", "read", Errno::EAGAIN),
    // The frame is still paged out.
    ("foreign-retry", "MMAPBATCH_V2", Errno::ENOENT),
    // Some frames are paged out, which the case does not check.
    ("foreign-unmap", "MMAPBATCH_V2", Errno::ENOENT),
    // The answer of gntdev about an address where nothing is mapped: how the library identifies it.
    ("gntdev-open", "GET_OFFSET_FOR_VADDR", Errno::EINVAL),
    // The answer of gntalloc about pages that do not exist.
    ("gntalloc-open", "DEALLOC_GREF", Errno::EINVAL),
    // The buffer is released already.
    ("export-wait", "DMABUF_EXP_WAIT_RELEASED", Errno::ENOENT),
];

/// Declares a test for each case, and one that checks that none is missing.
macro_rules! cases {
    ($($test:ident: $case:literal,)*) => {
        $(
            #[test]
            fn $test() {
                insta::assert_snapshot!($case, every_call_fails($case));
            }
        )*

        #[test]
        fn no_case_is_left_out() {
            let list = Program::new(CASES).run().unwrap().stdout;
            assert_eq!(list.lines().collect::<Vec<_>>(), [$($case),*]);
        }
    };
}

cases! {
    gntdev_open: "gntdev-open",
    map: "map",
    map_many: "map-many",
    map_read_only: "map-read-only",
    map_refused: "map-refused",
    unmap: "unmap",
    locate: "locate",
    notify: "notify",
    copy: "copy",
    copy_many: "copy-many",
    export: "export",
    export_wait: "export-wait",
    import: "import",
    import_release: "import-release",
    gntalloc_open: "gntalloc-open",
    share: "share",
    share_many: "share-many",
    share_notify: "share-notify",
    unshare: "unshare",
    privcmd_open: "privcmd-open",
    hypercall: "hypercall",
    hypercall_buffer: "hypercall-buffer",
    hypercall_wide: "hypercall-wide",
    hypercall_large: "hypercall-large",
    foreign_map: "foreign-map",
    foreign_retry: "foreign-retry",
    foreign_unmap: "foreign-unmap",
    resource_size: "resource-size",
    resource_map: "resource-map",
    dm_op: "dm-op",
    irqfd: "irqfd",
    irqfd_deassign: "irqfd-deassign",
    ioeventfd: "ioeventfd",
    ioeventfd_deassign: "ioeventfd-deassign",
    restrict: "restrict",
    evtchn_open: "evtchn-open",
    bind_virq: "bind-virq",
    bind_interdomain: "bind-interdomain",
    bind_unbound: "bind-unbound",
    unbind: "unbind",
    event: "event",
    wait: "wait",
    reset: "reset",
    evtchn_restrict: "evtchn-restrict",
}

/// Runs a case with every fault, and returns the table of faults and outcomes.
fn every_call_fails(case: &str) -> String {
    let mut table = String::new();
    let program = || Program::new(CASES).arg(case);
    let well = program().run().unwrap();
    let as_ever = check(case, "", &well);
    for (nth, call) in well.window(case).calls.iter().enumerate() {
        // With debug assertions, the standard library checks that what it closes is open.
        if call.request == Some("F_GETFD") {
            continue;
        }
        writeln!(table, "{}", call.signature()).unwrap();
        let errnos = xen_devices::errnos(call);
        assert!(!errnos.is_empty(), "{case}: which error numbers may {call} give?");
        for errno in errnos {
            let once = program().fail(nth, *errno).run().unwrap();
            let outcome = check(case, &as_ever, &once);
            writeln!(table, "    {errno:?}: {outcome}").unwrap();
            // A call that is always interrupted would be repeated forever.
            if *errno != Errno::EINTR {
                let ever = program().fail_always(nth, *errno).run().unwrap();
                let worse = check(case, &as_ever, &ever);
                if worse != outcome {
                    writeln!(table, "    {errno:?}, again and again: {worse}").unwrap();
                }
            }
            for (later, call) in once.window(case).calls.iter().enumerate().skip(nth + 1) {
                let Some(second) = xen_devices::errnos(call).first() else {
                    panic!("{case}: {call}")
                };
                let both = program().fail(nth, *errno).fail_always(later, *second);
                check(case, &as_ever, &both.run().unwrap());
            }
        }
    }
    table
}

/// Checks what must hold after any fault, and returns the outcome as text.
#[track_caller]
fn check(case: &str, as_ever: &str, run: &Run) -> String {
    let window = run.window(case);
    let failed: Vec<_> = window.calls.iter().filter(|call| call.failed).collect();
    // One that always fails may be made thousands of times.
    let what = failed.iter().take(4).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    assert_eq!(run.ending, Ending::Exited(0), "{case}: {what}: {}", run.stderr);
    assert_eq!(run.stderr, "", "{case}: {what}");

    let outcome = run.stdout.trim_end();
    let leaked = window.leaked();
    let told = failed.iter().any(|call| tells(outcome, call));
    let silent = |call: &&Call| {
        may_be_silent(case, call) || leaked.is_empty() && !call.releases().is_empty()
    };
    let silent = outcome == as_ever && failed.iter().all(silent);
    assert!(failed.is_empty() || told || silent, "{case}: {what} came to {outcome:?}");

    for kind in Held::ALL {
        let may_stay = failed.iter().any(|call| call.releases().contains(&kind));
        assert!(may_stay || leaked.count(kind) == 0, "{case}: {what} leaks {leaked}");
    }
    // Closing a device releases everything but mappings.
    let stays = |call: &&&Call| call.name == "munmap" || call.request == Some("IOEVENTFD");
    let mapped = failed.iter().any(|call| stays(&call));
    assert!(mapped || run.left.is_empty(), "{case}: {what} leaves {}", run.left);
    if !case.ends_with("-open") {
        assert_eq!(window.heap_kept, 0, "{case}: {what}, bytes of heap");
    }
    if leaked.is_empty() { outcome.to_owned() } else { format!("{outcome} (stays: {leaked})") }
}

/// Whether an error names the call that failed.
fn tells(error: &str, call: &Call) -> bool {
    // The error of a hypercall names the hypercall.
    if call.device == Some(Device::Hypercall) || call.request == Some("HYPERCALL") {
        return error != "done";
    }
    let device = call.device.map(Device::name);
    let name = match &*call.name {
        "openat" => device.unwrap_or_default(),
        "ioctl" => call.request.unwrap_or_default(),
        "ppoll" => "poll",
        name => name,
    };
    error.contains(name)
}

/// Whether a call may fail without a report.
fn may_be_silent(case: &str, call: &Call) -> bool {
    let Err(errno) = call.result else { return false };
    match (&*call.name, call.request) {
        // Repeated.
        ("openat" | "ioctl" | "read" | "write" | "dup3", _) if errno == Errno::EINTR => true,
        // It has closed; the other is a call of the standard library.
        ("close", _) | ("fcntl", Some("F_GETFD")) => true,
        (name, request) if EXPECTED.contains(&(case, request.unwrap_or(name), errno)) => true,
        _ => !call.releases().is_empty() && !REPORTING.contains(&case),
    }
}
