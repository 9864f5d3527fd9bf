//! Supervises the same operations of each library, and prints a table.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use debian_packages::{Options, fetch, unpack};
use devtools::Table;
use xen_devices::{Ending, Errno, Held, Program, Run, State, errnos};
use xen_headers::pins;

/// The operations: one grant or sixteen mapped and unmapped, a page shared and unshared, sixteen
/// ranges copied, sixteen frames of another domain mapped and unmapped, the same where some do not
/// exist, a hypercall, the device opened and closed.
const OPERATIONS: [&str; 8] =
    ["map", "map-16", "share", "copy-16", "foreign", HOLES, "hypercall", "open"];

/// The one that cannot succeed.
const HOLES: &str = "foreign-holes";

/// A library and the program that uses it.
struct Peer {
    name: &'static str,
    program: PathBuf,
    /// Its program counts allocations.
    counts_heap: bool,
}

/// The results of an operation.
struct Seen {
    outcome: String,
    calls: usize,
    heap: u64,
    faults: usize,
    /// Faults after which something is held that the failed call would not have released.
    leaks: usize,
    /// Faults that ended the program.
    deaths: usize,
    /// Faults after which it retries forever.
    endless: usize,
    /// Those calls, and the consequences.
    found: Vec<String>,
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
            let is_news = (seen.outcome == "done") == (operation == HOLES);
            let outcome = is_news.then(|| format!("comes to {:?}", seen.outcome));
            let found = outcome.into_iter().chain(seen.found);
            notes.extend(found.map(|what| format!("{operation}, {}: {what}", peer.name)));
        }
    }
    table.print();
    notes.iter().for_each(|note| println!("{note}"));
    Ok(())
}

/// Runs an operation without a fault, and with every fault. `None` if the library does not have it.
fn look(peer: &Peer, operation: &str) -> Result<Option<Seen>, xen_devices::Error> {
    let program = || Program::new(&peer.program).arg(operation);
    let well = program().run()?;
    let Some(window) = well.windows.first() else { return Ok(None) };
    // With debug assertions, the standard library checks that what it closes is open.
    let calls = window.calls.iter().enumerate().filter(|(_, call)| call.request != Some("F_GETFD"));
    let mut seen = Seen {
        outcome: well.stdout.trim_end().to_owned(),
        calls: calls.clone().count(),
        heap: window.heap_requests,
        faults: 0,
        leaks: 0,
        deaths: 0,
        endless: 0,
        found: Vec::new(),
    };
    for (nth, call) in calls {
        for errno in errnos(call) {
            let run = program().fail(nth, *errno).run()?;
            seen.faults += 1;
            let mut found = |what: &str| {
                let what = format!("{} fails: {what}", call.signature());
                if !seen.found.contains(&what) {
                    seen.found.push(what);
                }
            };
            if let Some(leaked) = leaked(&run, call.releases()) {
                seen.leaks += 1;
                found(&format!("leaks {leaked}"));
            }
            if run.ending != Ending::Exited(0) {
                seen.deaths += 1;
                found("dies");
            }
            if *errno == Errno::EAGAIN {
                let run = program().fail_always(nth, *errno).run()?;
                if run.ending == Ending::Runaway {
                    seen.endless += 1;
                    found("EAGAIN is retried forever");
                }
            }
        }
    }
    Ok(Some(seen))
}

/// What is held at the end of the window beyond what is excused.
fn leaked(run: &Run, excused: &[Held]) -> Option<State> {
    let window = run.windows.first().filter(|window| window.after.is_some())?;
    let leaked = window.leaked();
    let kinds = Held::ALL.iter().filter(|kind| !excused.contains(kind));
    let leaked = kinds.map(|kind| (*kind, leaked.count(*kind))).collect::<State>();
    (!leaked.is_empty()).then_some(leaked)
}

/// Compiles the program in C with the library from Debian's package of the default release.
fn compile(to: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let fetched = fetch(&pins().default_release().package, &Options::from_env())?;
    if let Some(replaced) = fetched.replaced {
        eprintln!("warning: {replaced}");
    }
    let parts = to.join("libxen-dev");
    std::fs::create_dir_all(&parts)?;
    let wanted = |path: &str| path.ends_with(".a") || path.starts_with("usr/include/xen");
    unpack(&fetched.file, &parts, &wanted)?;
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
