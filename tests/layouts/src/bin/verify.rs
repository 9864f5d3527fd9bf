//! `cargo xtask verify`: every pinned release on every architecture is read anew, compared with its record,
//! proven by rustc and checked by C compilers; what is shipped is compared with the records, and where upstream's
//! releases are at hand made anew.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use devtools::{Arch, Table};
use xen_codegen::docs::Docs;
use xen_codegen::emit;
use xen_codegen::import::Source;
use xen_codegen::ir::{Abi, Profile};
use xen_codegen::{output, record, releases};
use xen_headers::{GIT_VARIABLE, LinuxTree, Options, Upstream, linux_pins};
use xen_layouts::modules::Shipped;
use xen_layouts::prove::{prove, workspace};
use xen_layouts::shipped::{self, Comparison};
use xen_layouts::{Error, compilers, oracle, records, release};
use xen_records::Records;
use xen_records::catalogue::Release;
use xen_records::model::Snapshot;
use xen_records::view::export::export;
use xen_records::view::{Counts, Index};

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One line of the table.
struct Row {
    release: String,
    arch: Arch,
    counts: Counts,
    proofs: usize,
    omitted: usize,
    gcc: usize,
    clang: Option<usize>,
    time: Duration,
}

/// What the headers of one architecture say, and how long it took to read them.
struct Imported {
    abi: Abi,
    snapshot: Snapshot,
    time: Duration,
}

/// Whether everything held. Each failure was printed.
fn run() -> Result<bool, Error> {
    let start = Instant::now();
    let docs = Docs::load()?;
    let recorded = xen_records::records()?;
    let mut checked = Vec::new();
    let mut rows = Vec::new();
    let mut complaints = Vec::new();
    let linux = LinuxTree::obtain(linux_pins(), &Options::from_env())?;
    for warning in &linux.warnings {
        eprintln!("warning: {warning}");
    }
    let shipped = Shipped::all()?;
    let mut read = Vec::new();
    for pin in xen_headers::pins().releases() {
        let source = release(&pin.name)?;
        for warning in &source.tree.warnings {
            eprintln!("warning: {warning}");
        }
        let arches: Vec<_> = Arch::ALL.into_iter().filter(|arch| source.has(*arch)).collect();
        let known =
            recorded.catalogue.release(&pin.name).map(|at| &recorded.catalogue.releases[at]);
        let of_tree = record::release(&pin.name, &source.tree.versions);
        let mut imported = Vec::new();
        let mut made = Vec::new();
        for arch in arches {
            let start = Instant::now();
            let release = known.unwrap_or(&of_tree);
            let (snapshot, abi) = record::with_abi(&source, release, arch, Profile::Tools)?;
            abi.require_whole()?;
            made.push(snapshot.clone());
            imported.push(Imported { abi, snapshot, time: start.elapsed() });
        }
        let differences = records::differences(&recorded, &made);
        complaints.extend(records::unexplained(&of_tree.name, &source.tree.origin, differences));
        checked.push(of_tree.name);
        complaints.extend(modules_in_c(&recorded, &shipped, &pin.name, &source)?);
        let (mut done, mut wrong) = check(&source, &imported, &docs)?;
        rows.append(&mut done);
        complaints.append(&mut wrong);
        read.extend(imported.into_iter().map(|imported| imported.abi));
    }
    let compared = shipped::compare_all(&recorded, &shipped);
    complaints.extend(drift(&docs, read)?);
    let (unpinned, mut wrong) = check_from_upstream(&recorded, &checked)?;
    complaints.append(&mut wrong);
    checked.extend(unpinned);
    rows.sort_by(|a, b| (&a.release, a.arch).cmp(&(&b.release, b.arch)));
    print(&rows);
    print_records(&recorded.catalogue.releases, &checked);
    let Comparison { types, members, constants, differences } = compared;
    println!(
        "shipped modules compared with records: {types} types, {members} members, {constants} constants"
    );
    complaints.extend(differences);
    complaints.extend(documented(&figures(&rows))?);
    for complaint in &complaints {
        eprintln!("error: {complaint}");
    }
    let verdict = if complaints.is_empty() { "all hold" } else { "see the errors above" };
    let total: usize = rows.iter().map(|row| row.proofs).sum();
    let checks: usize = rows.iter().map(|row| row.gcc + row.clang.unwrap_or(0)).sum();
    println!(
        "\n{total} proofs by rustc, {checks} checks by C compilers, {:.0} s: {verdict}",
        start.elapsed().as_secs_f32()
    );
    Ok(complaints.is_empty())
}

/// Compares the records of releases that no package has with upstream's, if the environment says where those
/// are: the releases compared, and what is wrong.
fn check_from_upstream(
    recorded: &Records,
    checked: &[String],
) -> Result<(Vec<String>, Vec<String>), Error> {
    let (mut done, mut wrong) = (Vec::new(), Vec::new());
    let upstream = Upstream::from_env();
    if !upstream.is_named() {
        return Ok((done, wrong));
    }
    let left = recorded.catalogue.releases.iter().filter(|known| !checked.contains(&known.name));
    for known in left {
        let source = records::headers(&upstream, known)?;
        wrong.extend(records::differences(recorded, &records::made(&source, known)?));
        done.push(known.name.clone());
    }
    Ok((done, wrong))
}

/// Which records were compared with headers, and which not.
fn print_records(releases: &[Release], checked: &[String]) {
    let names = |is_checked: bool| {
        let those = releases.iter().filter(|known| checked.contains(&known.name) == is_checked);
        those.map(|known| known.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    println!("\nrecords compared with headers: {}", names(true));
    if checked.len() < releases.len() {
        println!(
            "not compared, since no package has the headers: {}; set {GIT_VARIABLE} to a clone of upstream's repository",
            names(false)
        );
    }
}

/// Has gcc check the modules of a release's toolstack ABI, if xen-abi has any, against the release's headers.
fn modules_in_c(
    recorded: &Records,
    shipped: &BTreeMap<Arch, Shipped>,
    release: &str,
    source: &Source,
) -> Result<Vec<String>, Error> {
    let mut complaints = Vec::new();
    for (arch, shipped) in shipped {
        let Some(modules) = shipped.releases.get(release) else { continue };
        let gcc = compilers::gcc(*arch)?;
        let verdict = shipped::check_by_c(recorded, modules, release, source, gcc)?;
        let said = verdict.complaints.into_iter();
        complaints.extend(said.map(|said| format!("toolstack {release} {arch}, gcc: {said}")));
    }
    Ok(complaints)
}

/// Names in `codegen/docs` that no module has. If the environment says where upstream's releases are: also
/// where the shipped modules are not what their headers say. `read` is what was read of other headers.
fn drift(docs: &Docs, mut read: Vec<Abi>) -> Result<Vec<String>, Error> {
    let mut complaints = Vec::new();
    let (upstream, options) = (Upstream::from_env(), Options::from_env());
    if upstream.is_named() {
        let root = releases::root(&upstream, &options)?;
        let root = xen_codegen::abis(&root, &Arch::SHIPPED, Profile::Tools)?;
        let others = releases::beside_root(&root, &upstream, &options)?;
        let src = workspace().join("xen-abi/src");
        complaints = output::differences(&src.join("generated"), &emit::tree(&root, docs)?)?;
        let (files, _) = emit::releases(&root, &others, docs)?;
        complaints.extend(output::differences(&src.join("releases"), &files)?);
        read.extend(root);
    }
    let stale = docs.stale(&read).into_iter();
    complaints.extend(stale.map(|name| format!("codegen/docs, {name}: no module has it")));
    Ok(complaints)
}

/// Proves and checks each architecture, as many at a time as there are cores.
fn check(
    source: &Source,
    imported: &[Imported],
    docs: &Docs,
) -> Result<(Vec<Row>, Vec<String>), Error> {
    let dir =
        tempfile::tempdir().map_err(|source| Error::Io { path: std::env::temp_dir(), source })?;
    let abis: Vec<_> = imported.iter().map(|imported| imported.abi.clone()).collect();
    output::write(dir.path(), &emit::tree(&abis, docs)?)?;
    let queue = Mutex::new(imported.iter());
    let results = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(imported) = next(&queue) {
                    let result = one(source, imported, dir.path());
                    push(&results, result);
                }
            });
        }
    });
    let mut rows = Vec::new();
    let mut complaints = Vec::new();
    let results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    for result in results {
        let (row, mut wrong) = result?;
        rows.push(row);
        complaints.append(&mut wrong);
    }
    Ok((rows, complaints))
}

fn next<'a, T>(queue: &Mutex<std::slice::Iter<'a, T>>) -> Option<&'a T> {
    queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next()
}

fn push<T>(results: &Mutex<Vec<T>>, result: T) {
    results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(result);
}

fn one(
    source: &Source,
    imported: &Imported,
    generated: &Path,
) -> Result<(Row, Vec<String>), Error> {
    let start = Instant::now();
    let Imported { abi, snapshot, time } = imported;
    let name = format!("{} {}", abi.release, abi.arch);
    let mut complaints = Vec::new();
    let errors = prove(generated, abi.arch)?;
    complaints.extend(
        errors
            .lines()
            .filter(|line| line.starts_with("error"))
            .map(|line| format!("{name}: {line}")),
    );
    let records = Records::from_snapshots(std::slice::from_ref(snapshot))?;
    let index = Index::new(&records);
    let counted = index.abi(0, 0);
    let export = export(counted);
    let mut checks = [None, None];
    let compilers = [Some(compilers::gcc(abi.arch)?), compilers::clang(abi.arch)];
    for (checks, compiler) in checks.iter_mut().zip(compilers) {
        let Some(compiler) = compiler else { continue };
        let verdict = oracle::check(source, &export, abi.profile, compiler)?;
        *checks = Some(verdict.checks);
        let program = &compiler.program;
        complaints
            .extend(verdict.complaints.iter().map(|said| format!("{name}, {program}: {said}")));
    }
    let row = Row {
        release: abi.release.clone(),
        arch: abi.arch,
        counts: counted.counts(),
        proofs: emit::counts(abi).proofs,
        omitted: abi.omitted.len(),
        gcc: checks[0].unwrap_or(0),
        clang: checks[1],
        time: *time + start.elapsed(),
    };
    if std::io::stderr().is_terminal() {
        eprintln!("  {name}: {:.1} s", row.time.as_secs_f32());
    }
    Ok((row, complaints))
}

/// What is the same on every machine, as `docs/figures/verify.txt` shows it.
fn figures(rows: &[Row]) -> String {
    let headings = ["release", "arch", "types", "fields", "constants", "proofs", "left out", "gcc"];
    let mut table = Table::new(headings);
    for row in rows {
        let counts = row.counts;
        let numbers =
            [counts.types, counts.fields, counts.constants, row.proofs, row.omitted, row.gcc];
        let names = [row.release.clone(), row.arch.to_string()];
        table.row(names.into_iter().chain(numbers.map(|number| number.to_string())));
    }
    table.text()
}

/// Where the documentation shows other figures. `--write` writes them there.
fn documented(figures: &str) -> Result<Option<String>, Error> {
    let path = workspace().join("docs/figures/verify.txt");
    if std::env::args().any(|argument| argument == "--write") {
        std::fs::write(&path, figures).map_err(|source| Error::Io { path, source })?;
        return Ok(None);
    }
    let shown = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = "docs/figures/verify.txt shows other figures: run `cargo xtask verify --write`";
    Ok((shown != figures).then(|| differs.to_owned()))
}

fn print(rows: &[Row]) {
    println!(
        "release  arch      types  fields  constants  proofs  left out     gcc   clang  seconds"
    );
    for row in rows {
        let counts = row.counts;
        let clang = row.clang.map_or_else(|| String::from("-"), |checks| checks.to_string());
        println!(
            "{:7}  {:8}  {:5}  {:6}  {:9}  {:6}  {:8}  {:6}  {clang:>6}  {:7.1}",
            row.release,
            row.arch,
            counts.types,
            counts.fields,
            counts.constants,
            row.proofs,
            row.omitted,
            row.gcc,
            row.time.as_secs_f32()
        );
    }
}
