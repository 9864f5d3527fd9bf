//! Every system call of every operation of `xen-linux` fails, with every error number it may give.
//!
//! Each case of `src/bin/cases` runs once as it should, which lists its calls; then once for each of
//! them and each error number, and once more for each call that then follows, which fails too. Each
//! time the program must end well, the error must be told, unless it is in a destructor, and nothing
//! may be held that the calls that failed were not there to give back. The tables are in
//! `tests/snapshots`.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::fmt::Write;

use xen_devices::{Call, Device, Ending, Errno, Held, Program, Run};

mod errnos;

const CASES: &str = env!("CARGO_BIN_EXE_cases");

/// Cases whose last call gives something back and says whether that worked; others drop it.
const SAY_SO: &[&str] = &["unmap", "unshare", "import-release"];

/// Errors that are no news, and why.
const NO_NEWS: &[(&str, &str, Errno)] = &[
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
    export: "export",
    export_wait: "export-wait",
    import: "import",
    import_release: "import-release",
    gntalloc_open: "gntalloc-open",
    share: "share",
    share_many: "share-many",
    share_notify: "share-notify",
    unshare: "unshare",
}

/// Runs a case with every fault. Gives the table of faults and outcomes.
fn every_call_fails(case: &str) -> String {
    let mut table = String::new();
    let well = Program::new(CASES).arg(case).run().unwrap();
    let calls = &well.window(case).calls;
    let as_ever = well.stdout.trim_end();
    check(case, as_ever, &well, &[]);
    for (nth, call) in calls.iter().enumerate() {
        writeln!(table, "{}", call.signature()).unwrap();
        let errnos = errnos::of(call);
        assert!(!errnos.is_empty(), "{case}: which error numbers may {call} give?");
        for errno in errnos {
            let run = Program::new(CASES).arg(case).fail(nth, *errno).run().unwrap();
            let outcome = check(case, as_ever, &run, &[nth]);
            writeln!(table, "    {errno:?}: {outcome}").unwrap();
            for later in nth + 1..run.window(case).calls.len() {
                let call = &run.window(case).calls[later];
                let second = *errnos::of(call).first().unwrap();
                let program = Program::new(CASES).arg(case).fail(nth, *errno).fail(later, second);
                check(case, as_ever, &program.run().unwrap(), &[nth, later]);
            }
        }
    }
    table
}

/// Checks what must be so after any faults. Gives the outcome in words.
#[track_caller]
fn check(case: &str, as_ever: &str, run: &Run, faults: &[usize]) -> String {
    assert_eq!(run.ending, Ending::Exited(0), "{case}, {faults:?}: {}", run.stderr);
    assert_eq!(run.stderr, "", "{case}, {faults:?}");
    let window = run.window(case);
    let failed: Vec<_> = window.calls.iter().filter(|call| call.failed).collect();
    assert_eq!(failed.len(), faults.len(), "{case}, {faults:?}: {failed:?}");

    let outcome = run.stdout.trim_end();
    let told = failed.iter().any(|call| tells(outcome, call));
    let silent = outcome == as_ever && failed.iter().all(|call| may_be_silent(case, call));
    assert!(told || silent, "{case}: {failed:?} came to {outcome:?}");

    let leaked = window.leaked();
    for kind in Held::ALL {
        let may_stay = failed.iter().any(|call| gives_back(call).contains(&kind));
        assert!(may_stay || leaked.count(kind) == 0, "{case}: {failed:?} leaks {leaked}");
    }
    // What is closed gives back everything but mappings, and what is mapped.
    let mapped = failed.iter().any(|call| call.name == "munmap");
    assert!(mapped || run.left.is_empty(), "{case}: {failed:?} leaves {}", run.left);
    if !case.ends_with("-open") {
        assert_eq!(window.heap_kept, 0, "{case}: {failed:?}, bytes of heap");
    }
    if leaked.is_empty() { outcome.to_owned() } else { format!("{outcome} (stays: {leaked})") }
}

/// Whether an error names the call that failed.
fn tells(error: &str, call: &Call) -> bool {
    let path = call.device.filter(|_| call.name == "open").map(|device| device.name());
    let name = path.or(call.request.filter(|_| call.name == "ioctl")).unwrap_or(&call.name);
    error != "done" && error.contains(name)
}

/// Whether a call may fail and nobody learns of it.
fn may_be_silent(case: &str, call: &Call) -> bool {
    let Err(errno) = call.result else { return false };
    match (&*call.name, call.request) {
        // Made again.
        ("open" | "ioctl" | "read" | "write", _) if errno == Errno::EINTR => true,
        // Closed all the same. Rust's library asks whether it is open when it is a debug build.
        ("close", _) | ("fcntl", Some("F_GETFD")) => true,
        // There is another way to the size of a page.
        ("prctl", _) => true,
        (_, request) if NO_NEWS.contains(&(case, request.unwrap_or_default(), errno)) => true,
        _ => !gives_back(call).is_empty() && !SAY_SO.contains(&case),
    }
}

/// What a call is there to give back.
fn gives_back(call: &Call) -> &'static [Held] {
    match (&*call.name, call.device, call.request) {
        ("munmap", Some(Device::Gntalloc), _) => &[Held::MappedPage, Held::SharedPage],
        ("munmap", _, _) => &[Held::MappedPage],
        (_, Some(Device::Gntdev), Some("UNMAP_GRANT_REF")) => &[Held::Index],
        (_, Some(Device::Gntdev), Some("DMABUF_IMP_RELEASE")) => &[Held::Import],
        (_, Some(Device::Gntalloc), Some("DEALLOC_GREF")) => &[Held::SharedPage],
        (_, Some(Device::Evtchn), Some("UNBIND")) => &[Held::Port],
        _ => &[],
    }
}
