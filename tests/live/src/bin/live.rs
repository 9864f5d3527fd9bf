//! The live matrix, as `cargo xtask live` runs it.

use std::env;
use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use clap::builder::PossibleValuesParser;
use devtools::Table;
use xen_headers::Upstream;
use xen_live::simulate_unprivileged;
use xen_live::{Arch, Boot, Mode, Report, Row, Transcript, Where, compare, matrix, reference};
use xen_live::{WATCHED, built_hypervisor, built_releases, built_rows, stale, watch_writes};
use xen_live::{compare_random, compare_simulated, missing_hypervisors, releases, simulate};
use xen_scenarios::RANDOM;

/// Boots real Xen hypervisors with our own guest and compares what they do with the reference.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "cargo xtask live",
    bin_name = "cargo xtask live",
    after_help = "Examples:\n  \
        cargo xtask live                                 the whole matrix\n  \
        cargo xtask live --arch x86_64 --mode pvh        every release\n  \
        cargo xtask live --arch x86_32                   guests of 32 bits on x86, which are PVH ones\n  \
        cargo xtask live --mode linux                    programs in Debian's Linux as dom0\n  \
        cargo xtask live --mode linux-pvh                the same in a PVH domain\n  \
        cargo xtask live --release 4.20 --mode pv --log  one boot, with what it wrote\n  \
        cargo xtask live --from-source                   two builds of minutes, and their layouts\n  \
        XEN_GIT=DIR cargo xtask live --from-source --release 4.22   a release that Debian does not have: built and booted\n  \
        cargo xtask live --front-ends                    Linux's front ends over our back ends: minutes"
)]
struct Options {
    /// Only this release; may be repeated
    #[arg(long, value_parser = PossibleValuesParser::new(releases().chain(built_releases())))]
    release: Vec<String>,
    /// Only guests of this architecture; may be repeated
    #[arg(long)]
    arch: Vec<Arch>,
    /// Only this mode; may be repeated
    #[arg(long)]
    mode: Vec<Mode>,
    /// Only this scenario; may be repeated
    #[arg(long, value_parser = PossibleValuesParser::new(xen_scenarios::SCENARIOS))]
    scenario: Vec<String>,
    /// Random operations of this seed, instead of the seeds that are kept; names the scenario `random`. In guests of
    /// x86_32 a program of 32 bits compares them: `cargo xtask i686 --live`
    #[arg(long)]
    seed: Option<u64>,
    /// So many random operations of each seed
    #[arg(long)]
    steps: Option<u32>,
    /// Only machines with so many domains; may be repeated
    #[arg(long)]
    domains: Vec<u16>,
    /// Show what came over the serial line
    #[arg(long)]
    log: bool,
    /// Keep the logs of successes too, below target/xen-live
    #[arg(long)]
    keep: bool,
    /// Write the reference anew, from the newest release's guests
    #[arg(long, conflicts_with_all = ["release", "arch", "mode", "domains", "scenario"])]
    write_reference: bool,
    /// Build hypervisors from their source and compare their layouts with ours; on Arm's see a domain's page
    /// written to. A clone of upstream's repository that XEN_GIT names has the source of releases that Debian does
    /// not have: those are booted as the others are
    #[arg(long, conflicts_with_all = ["arch", "domains", "write_reference"])]
    from_source: bool,
    /// Boots at a time; as many as there are processors unless said otherwise
    #[arg(long)]
    jobs: Option<NonZero<usize>>,
}

/// The machines that the reference is written from: a scenario is that of the first one that has it. All
/// of them boot the newest release for which each is pinned.
const REFERENCE: [(Arch, Mode, u16); 5] = [
    (Arch::X86_64, Mode::Pv, 1),
    (Arch::X86_64, Mode::Pvh, 1),
    (Arch::X86_64, Mode::Linux, 1),
    (Arch::X86_64, Mode::Linux, 3),
    (Arch::X86_64, Mode::Pv, 3),
];

/// Where a machine is among those that the reference is written from.
fn place_in_reference(row: &Row) -> Option<usize> {
    let has_all = |release: &&'static str| {
        let is_pinned = |&(arch, mode, domains): &(Arch, Mode, u16)| {
            matrix().contains(&Row { release, arch, mode, domains })
        };
        REFERENCE.iter().all(is_pinned)
    };
    let newest = releases().rev().find(has_all)?;
    let own = (row.arch, row.mode, row.domains);
    REFERENCE.iter().position(|known| *known == own && row.release == newest)
}

/// Whether the scenarios that can be named run there: our kernel is the only domain, or a further one.
fn runs_scenarios(row: Row) -> bool {
    (row.domains == 1 && !row.mode.is_linux()) || row.unprivileged().is_some()
}

/// Whether these can be compared with something there: random operations have the simulator alone.
fn has_comparison<'a>(row: Row, mut scenarios: impl Iterator<Item = &'a str>) -> bool {
    row.is_simulated() || scenarios.all(|name| name != RANDOM)
}

impl Options {
    /// The scenarios that are wanted; none for all of them.
    fn scenarios(&self) -> impl Iterator<Item = &str> {
        let random = self.seed.is_some() && self.scenario.is_empty();
        self.scenario.iter().map(String::as_str).chain(random.then_some(RANDOM))
    }

    /// What guests are told about random operations.
    fn words(&self) -> String {
        let seed = self.seed.map(|seed| format!("seed={seed} ")).unwrap_or_default();
        seed + &self.steps.map(|steps| format!("steps={steps}")).unwrap_or_default()
    }

    /// All that a guest is told about what to do.
    fn arguments(&self) -> String {
        let scenarios: Vec<_> = self.scenarios().collect();
        match scenarios[..] {
            [] => self.words(),
            _ => format!("scenario={} {}", scenarios.join(","), self.words()),
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.from_source {
        return from_source(&options);
    }
    let wanted = |row: &Row| {
        let any = |empty, found| empty || found;
        any(options.release.is_empty(), options.release.iter().any(|r| r == row.release))
            && any(options.arch.is_empty(), options.arch.contains(&row.arch))
            && any(options.mode.is_empty(), options.mode.contains(&row.mode))
            && any(options.domains.is_empty(), options.domains.contains(&row.domains))
            && (options.scenarios().next().is_none() || runs_scenarios(*row))
            && has_comparison(*row, options.scenarios())
            && (!options.write_reference || place_in_reference(row).is_some())
    };
    let named = |release: &&str| options.release.iter().any(|own| own == release);
    for (release, arch) in missing_hypervisors() {
        if options.release.is_empty() || named(&release) {
            eprintln!("warning: {release} is not booted on {arch}: hypervisors.toml pins none");
        }
    }
    let rows: Vec<Row> = matrix().into_iter().filter(wanted).collect();
    if rows.is_empty() {
        let built = built_releases().find(named);
        let remedy = built.map_or("see --help", |_| "build a newer one with --from-source");
        eprintln!("error: no hypervisor is pinned for that; {remedy}");
        return ExitCode::from(2);
    }
    if run(&options, &rows) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the program that builds hypervisors, and boots them. It links the generator, which other boots need not
/// wait for.
fn from_source(options: &Options) -> ExitCode {
    let is_named = |release: &str| options.release.iter().any(|named| named == release);
    let is_wanted = |release: &str| options.release.is_empty() || is_named(release);
    let has_clone = Upstream::from_env().git.is_some();
    let is_mode = |mode| options.mode.is_empty() || options.mode.contains(&mode);
    let rows: Vec<Row> = built_rows()
        .filter(|row| has_clone && is_wanted(row.release) && is_mode(row.mode))
        .collect();
    let is_about_boots = !options.mode.is_empty() || options.scenarios().next().is_some();
    if rows.is_empty() && is_about_boots {
        let built = built_releases().collect::<Vec<_>>().join(" and ");
        eprintln!(
            "error: nothing is booted of that but {built} with mode pv or pvh, from the clone that XEN_GIT names"
        );
        return ExitCode::from(2);
    }
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["run", "--quiet", "-p", "xen-layouts", "--bin", "from_source", "--"]);
    command.args(options.release.iter().flat_map(|release| ["--release", release]));
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => return ExitCode::from(if status.code() == Some(2) { 2 } else { 1 }),
        Err(error) => {
            eprintln!("error: cargo cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    }
    let mut good = true;
    if let Some(hypervisor) =
        built_hypervisor(WATCHED, Arch::Aarch64).filter(|_| is_wanted(WATCHED))
    {
        good &= watch_page(&hypervisor);
    }
    if !rows.is_empty() {
        good &= run(options, &rows);
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Boots the hypervisor that was built for Arm, and says whether a write to a page was seen.
fn watch_page(hypervisor: &Path) -> bool {
    match watch_writes(hypervisor) {
        Ok(Ok(elapsed)) => {
            println!("a write to a page was seen after {} seconds", seconds(elapsed));
            return true;
        }
        Ok(Err(line)) => eprintln!("error: watch_writes did not say {line:?}"),
        Err(error) => eprintln!("error: {error}"),
    }
    false
}

/// Boots every row, and says whether all of them did as they should.
fn run(options: &Options, rows: &[Row]) -> bool {
    let start = Instant::now();
    let progress = Progress::new(rows.len());
    let results: Vec<Mutex<Option<Vec<String>>>> = rows.iter().map(|_| Mutex::new(None)).collect();
    let mut work: Vec<_> = rows.iter().zip(&results).collect();
    // What takes longest comes first, so that it is not waited for alone.
    work.sort_by_key(|(row, _)| !row.has_linux());
    let next = Mutex::new(work.into_iter());
    let jobs =
        options.jobs.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get);
    let good = Mutex::new(true);
    let transcripts = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let Some((row, result)) = lock(&next).next() else { return };
                    let (passed, cells, words, transcript) = boot(options, *row);
                    lock(&transcripts).extend(transcript.map(|transcript| (*row, transcript)));
                    *lock(&good) &= passed;
                    *lock(result) = Some(cells);
                    progress.done(&words);
                }
            });
        }
    });
    progress.clear();
    let mut table =
        Table::new(["release", "arch", "mode", "domains", "steps", "seconds", "result"]);
    for result in results {
        table.row(result.into_inner().unwrap_or_else(PoisonError::into_inner).unwrap_or_default());
    }
    let empty = String::new;
    table.row(["all".to_owned(), empty(), empty(), empty(), empty(), seconds(start.elapsed())]);
    table.print();
    let transcripts = transcripts.into_inner().unwrap_or_else(PoisonError::into_inner);
    if options.write_reference && *lock(&good) {
        return write_reference(transcripts);
    }
    // Only all machines and scenarios together show that no machine needs a difference.
    let is_all = rows == matrix() || built_rows().eq(rows.iter().copied());
    if is_all && transcripts.len() == rows.len() && options.scenarios().next().is_none() {
        let by_domain = transcripts.iter().flat_map(|(row, transcript)| {
            row.domids().map(move |domid| (Where::new(*row, domid), domid, transcript))
        });
        for difference in stale(&by_domain.collect::<Vec<_>>()) {
            eprintln!("error: a difference that makes none: {difference}");
            *lock(&good) = false;
        }
    }
    good.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// What came of the boots of one row.
struct Outcome {
    /// Steps and time, unless a boot failed.
    ran: Option<(usize, Duration)>,
    result: String,
    words: String,
    transcript: Option<Transcript>,
}

/// Boots one row: whether it passed, its line of the table, what there is to say, and its
/// transcript.
fn boot(options: &Options, row: Row) -> (bool, Vec<String>, String, Option<Transcript>) {
    let mut all = boot_once(options, row);
    let is_everything = options.scenarios().next().is_none() && !options.write_reference;
    if all.result == "ok" && is_everything && row.domains == 1 && row.is_simulated() {
        // What a random step answers depends on all steps before it, so the domain is a fresh one.
        let scenario = vec![RANDOM.to_owned()];
        let random = boot_once(&Options { scenario, ..options.clone() }, row);
        all.ran = all.ran.zip(random.ran).map(|((a, b), (c, d))| (a + c, b + d));
        all.result = random.result;
        all.words += &random.words;
    }
    let Outcome { ran, result, words, transcript } = all;
    let none = || "-".to_owned();
    let (steps, time) = ran.map_or_else(|| (none(), none()), |(n, t)| (n.to_string(), seconds(t)));
    let passed = result == "ok";
    let Row { release, arch, mode, domains } = row;
    let name = [release.to_owned(), arch.to_string(), mode.to_string(), domains.to_string()];
    (passed, name.into_iter().chain([steps, time, result]).collect(), words, transcript)
}

fn boot_once(options: &Options, row: Row) -> Outcome {
    let boot = Boot::new(row.release, row.arch, row.mode).domains(row.domains);
    let boot = if row.unprivileged().is_some() { boot.unprivileged() } else { boot };
    let built = row.is_built().then(|| built_hypervisor(row.release, row.hypervisor())).flatten();
    let boot = match built {
        Some(image) => boot.hypervisor(&image),
        None => boot,
    };
    let boot = boot.keep(options.keep).progress(say);
    let boot = options.scenarios().fold(boot, Boot::scenario).arguments(&options.words());
    match boot.run() {
        Ok(report) => {
            let (result, words) = verdict(options, row, &report);
            let ran = Some((report.transcript.len(), report.elapsed));
            Outcome { ran, result, words, transcript: Some(report.transcript) }
        }
        Err(error) => Outcome {
            ran: None,
            result: "FAILED".to_owned(),
            words: error.to_string(),
            transcript: None,
        },
    }
}

/// The verdict over a boot that was a success, and what there is to say about it.
fn verdict(options: &Options, row: Row, report: &Report) -> (String, String) {
    let mut words = String::new();
    if options.log {
        words += &report.output;
    }
    for replaced in &report.replaced {
        words += &format!("warning: {replaced}\n");
    }
    if let Some(log) = &report.log {
        words += &format!("{row}: log in {}\n", log.display());
    }
    if options.write_reference {
        return ("ok".to_owned(), words);
    }
    let of = |domid| {
        let divergences = compare(&report.transcript, domid, Where::new(row, domid));
        divergences.into_iter().map(move |divergence| (domid, divergence))
    };
    let mut divergences: Vec<_> = row.domids().flat_map(of).collect();
    let has_random = report.transcript.steps().any(|step| step.scenario == RANDOM);
    if let Some(domid) = row.unprivileged() {
        let simulated = simulate_unprivileged(row, domid, &options.arguments());
        let other = compare_simulated(&report.transcript, domid, &simulated);
        divergences.extend(other.into_iter().map(|divergence| (domid, divergence)));
    } else if has_random {
        for (domid, simulated) in simulate(row, &options.arguments()).0 {
            let random = compare_random(&report.transcript, domid, &simulated);
            divergences.extend(random.into_iter().map(|divergence| (domid, divergence)));
        }
    }
    for (domid, divergence) in &divergences {
        words += &format!("error: {row}: domain {domid}: {divergence}\n");
    }
    let result = match divergences.len() {
        0 => "ok".to_owned(),
        count => format!("{count} DIFFER"),
    };
    (result, words)
}

/// Writes the reference.
fn write_reference(mut transcripts: Vec<(Row, Transcript)>) -> bool {
    transcripts.sort_by_key(|(row, _)| place_in_reference(row));
    let transcripts: Vec<_> = transcripts.into_iter().map(|(_, transcript)| transcript).collect();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("reference.txt");
    match fs::write(&path, reference(&transcripts)) {
        Ok(()) => {
            println!("wrote {}", path.display());
            true
        }
        Err(error) => {
            eprintln!("error: {}: {error}", path.display());
            false
        }
    }
}

/// Says what takes time before a machine starts.
fn say(line: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
    eprintln!("{line}");
}

fn seconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A line on standard error that says how far it is.
struct Progress {
    done: Mutex<usize>,
    all: usize,
    terminal: bool,
}

impl Progress {
    fn new(all: usize) -> Self {
        let progress = Self { done: Mutex::new(0), all, terminal: std::io::stderr().is_terminal() };
        progress.show(0);
        progress
    }

    /// Says what there is to say, and that one more is done.
    fn done(&self, words: &str) {
        let mut done = lock(&self.done);
        *done += 1;
        self.clear();
        if !words.is_empty() {
            eprintln!("{}", words.trim_end());
        }
        self.show(*done);
    }

    fn show(&self, done: usize) {
        if self.terminal {
            eprint!("booting: {done} of {} done", self.all);
            let _ = std::io::stderr().flush();
        }
    }

    fn clear(&self) {
        if self.terminal {
            eprint!("\r\x1b[K");
        }
    }
}
