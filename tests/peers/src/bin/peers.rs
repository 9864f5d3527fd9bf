//! Supervises what each library does for the same operations, and prints a table.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use xen_devices::{Ending, Errno, Held, Program, Run, errnos};
use xen_headers::{Options, fetch, pins, unpack};
use xtask::Table;

/// The operations: one grant or sixteen mapped and unmapped, a page shared and unshared, sixteen
/// ranges copied, sixteen frames of another domain mapped and unmapped, a hypercall, the device
/// opened and closed.
const OPERATIONS: [&str; 7] = ["map", "map-16", "share", "copy-16", "foreign", "hypercall", "open"];

/// A library and the program that uses it.
struct Peer {
    name: &'static str,
    program: PathBuf,
    /// Its program counts what it asks of the heap.
    counts_heap: bool,
}

/// What was seen of an operation.
struct Seen {
    outcome: String,
    calls: usize,
    heap: u64,
    faults: usize,
    /// Faults after which something is held that the call that failed was not there to give back.
    leaks: usize,
    /// Faults that the program did not survive.
    deaths: usize,
    /// Faults that it tries to get over for ever.
    endless: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let here = std::env::current_exe()?;
    let beside = here.parent().ok_or("a program is in a directory")?;
    let rust = |name, file| Peer { name, program: beside.join(file), counts_heap: true };
    let peers = [
        rust("xen-linux", "ours"),
        Peer { name: "libxengnttab", program: compile(beside)?, counts_heap: false },
        rust("krata-xengnt", "krata"),
        rust("vm-memory", "vm_memory"),
    ];
    let headings = ["operation", "library", "calls", "heap", "faults", "leak", "die", "endless"];
    let mut table = Table::new(headings);
    let mut notes = Vec::new();
    for operation in OPERATIONS {
        for peer in &peers {
            let Some(seen) = look(peer, operation)? else { continue };
            let heap = if peer.counts_heap { seen.heap.to_string() } else { "?".to_owned() };
            let figures = [seen.calls, seen.faults, seen.leaks, seen.deaths, seen.endless];
            let [calls, faults, leaks, deaths, endless] = figures.map(|figure| figure.to_string());
            let names = [operation, peer.name].map(str::to_owned);
            let figures = [calls, heap, faults, leaks, deaths, endless];
            table.row(names.into_iter().chain(figures));
            if seen.outcome != "done" {
                notes.push(format!("{operation} with {}: {}", peer.name, seen.outcome));
            }
        }
    }
    table.print();
    notes.iter().for_each(|note| println!("{note}"));
    Ok(())
}

/// Runs an operation as it should go, and with every fault. None if the library does not have it.
fn look(peer: &Peer, operation: &str) -> Result<Option<Seen>, xen_devices::Error> {
    let program = || Program::new(&peer.program).arg(operation);
    let well = program().run()?;
    let Some(window) = well.windows.first() else { return Ok(None) };
    // Where debug assertions are on, Rust's library asks whether what it closes is open.
    let calls = window.calls.iter().enumerate().filter(|(_, call)| call.request != Some("F_GETFD"));
    let mut seen = Seen {
        outcome: well.stdout.trim_end().to_owned(),
        calls: calls.clone().count(),
        heap: window.heap_requests,
        faults: 0,
        leaks: 0,
        deaths: 0,
        endless: 0,
    };
    for (nth, call) in calls {
        for errno in errnos(call) {
            let run = program().fail(nth, *errno).run()?;
            seen.faults += 1;
            seen.leaks += usize::from(leaks(&run, call.gives_back()));
            seen.deaths += usize::from(run.ending != Ending::Exited(0));
            if *errno == Errno::EAGAIN {
                let run = program().fail_for_ever(nth, *errno).run()?;
                seen.endless += usize::from(run.ending == Ending::Runaway);
            }
        }
    }
    Ok(Some(seen))
}

fn leaks(run: &Run, excused: &[Held]) -> bool {
    let Some(window) = run.windows.first().filter(|window| window.after.is_some()) else {
        return false;
    };
    let leaked = window.leaked();
    Held::ALL.iter().any(|kind| !excused.contains(kind) && leaked.count(*kind) > 0)
}

/// Compiles the program in C with the library from Debian's package of the default release.
fn compile(to: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let fetched = fetch(&pins().default_release().package, &Options::from_env())?;
    if let Some(warning) = fetched.warning {
        eprintln!("warning: {warning}");
    }
    let parts = to.join("libxen-dev");
    std::fs::create_dir_all(&parts)?;
    let wanted = |path: &str| path.ends_with(".a") || path.starts_with("usr/include/xen");
    unpack(&fetched.deb, &parts, &wanted)?;
    let program = to.join("libxengnttab");
    let library = |name| parts.join(format!("usr/lib/x86_64-linux-gnu/lib{name}.a"));
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let status = Command::new(compiler)
        .args(["-O2", "-Wall", "-Werror", "-o"])
        .arg(&program)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/c/libxengnttab.c"))
        .arg("-I")
        .arg(parts.join("usr/include"))
        .args(["xengnttab", "xentoolcore", "xentoollog"].map(library))
        .arg("-lpthread")
        .status()?;
    if status.success() { Ok(program) } else { Err("the program in C does not compile".into()) }
}
