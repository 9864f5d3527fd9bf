//! Every system call of every operation of `xen-linux` fails, with every error number it may give.
//!
//! Each case of `src/bin/cases` runs once as it should, which lists its calls; then for each of them
//! and each error number, once with a call that fails once and once with one that fails for ever; and
//! for each call that follows on such a fault, once more with that one failing too. Each time the
//! program must end well, the error must be told, unless it is made good or in a destructor, and
//! nothing may be held that the calls that failed were not there to give back. `tests/snapshots` has
//! the tables.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::fmt::Write;

use xen_devices::{Call, Device, Ending, Errno, Held, Program, Run};

const CASES: &str = env!("CARGO_BIN_EXE_cases");

/// Cases whose last call gives something back and says whether that worked; others drop it.
const SAY_SO: &[&str] = &[
    "unmap",
    "unshare",
    "import-release",
    "foreign-unmap",
    "unbind",
    "irqfd-deassign",
    "ioeventfd-deassign",
];

/// Errors that are no news, and why.
const NO_NEWS: &[(&str, &str, Errno)] = &[
    // What evtchn says of a port that there is not.
    ("evtchn-open", "UNBIND", Errno::EINVAL),
    // What a restricted privcmd says, which can be used all the same.
    ("privcmd-open", "DM_OP", Errno::EPERM),
    // Nothing is pending.
    ("event", "read", Errno::EAGAIN),
    // The frame is still paged out.
    ("foreign-retry", "MMAPBATCH_V2", Errno::ENOENT),
    // Some frames are paged out, of which the case does not ask.
    ("foreign-unmap", "MMAPBATCH_V2", Errno::ENOENT),
    // What gntdev says of an address where nothing is mapped: how it is known to be gntdev.
    ("gntdev-open", "GET_OFFSET_FOR_VADDR", Errno::EINVAL),
    // Likewise gntalloc, of pages that there are not.
    ("gntalloc-open", "DEALLOC_GREF", Errno::EINVAL),
    // The buffer is released already.
    ("export-wait", "DMABUF_EXP_WAIT_RELEASED", Errno::ENOENT),
];

/// Declares a test for each case, and one that none is left out.
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

/// Runs a case with every fault. Gives the table of faults and outcomes.
fn every_call_fails(case: &str) -> String {
    let mut table = String::new();
    let program = || Program::new(CASES).arg(case);
    let well = program().run().unwrap();
    let as_ever = check(case, "", &well);
    for (nth, call) in well.window(case).calls.iter().enumerate() {
        // Where debug assertions are on, Rust's library asks whether what it closes is open.
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
            // A call that is interrupted for ever is made for ever.
            if *errno != Errno::EINTR {
                let ever = program().fail_for_ever(nth, *errno).run().unwrap();
                let worse = check(case, &as_ever, &ever);
                if worse != outcome {
                    writeln!(table, "    {errno:?}, again and again: {worse}").unwrap();
                }
            }
            for (later, call) in once.window(case).calls.iter().enumerate().skip(nth + 1) {
                let Some(second) = xen_devices::errnos(call).first() else {
                    panic!("{case}: {call}")
                };
                let both = program().fail(nth, *errno).fail_for_ever(later, *second);
                check(case, &as_ever, &both.run().unwrap());
            }
        }
    }
    table
}

/// Checks what must be so after any faults. Gives the outcome in words.
#[track_caller]
fn check(case: &str, as_ever: &str, run: &Run) -> String {
    let window = run.window(case);
    let failed: Vec<_> = window.calls.iter().filter(|call| call.failed).collect();
    // One that fails for ever may be made thousands of times.
    let what = failed.iter().take(4).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    assert_eq!(run.ending, Ending::Exited(0), "{case}: {what}: {}", run.stderr);
    assert_eq!(run.stderr, "", "{case}: {what}");

    let outcome = run.stdout.trim_end();
    let leaked = window.leaked();
    let told = failed.iter().any(|call| tells(outcome, call));
    let silent = |call: &&Call| {
        may_be_silent(case, call) || leaked.is_empty() && !call.gives_back().is_empty()
    };
    let silent = outcome == as_ever && failed.iter().all(silent);
    assert!(failed.is_empty() || told || silent, "{case}: {what} came to {outcome:?}");

    for kind in Held::ALL {
        let may_stay = failed.iter().any(|call| call.gives_back().contains(&kind));
        assert!(may_stay || leaked.count(kind) == 0, "{case}: {what} leaks {leaked}");
    }
    // What is closed gives back everything but mappings, and what is mapped.
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
    // A hypercall's error is Xen's, and names the hypercall.
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

/// Whether a call may fail and nobody learns of it.
fn may_be_silent(case: &str, call: &Call) -> bool {
    let Err(errno) = call.result else { return false };
    match (&*call.name, call.request) {
        // Made again.
        ("openat" | "ioctl" | "read" | "write" | "dup3", _) if errno == Errno::EINTR => true,
        // Closed all the same, and the other is no call of the crate's.
        ("close", _) | ("fcntl", Some("F_GETFD")) => true,
        (name, request) if NO_NEWS.contains(&(case, request.unwrap_or(name), errno)) => true,
        _ => !call.gives_back().is_empty() && !SAY_SO.contains(&case),
    }
}
