//! `cargo xtask bench-tool`: how long a call of xenabi takes, beside pahole on a hypervisor's debug file, and
//! what installing it costs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use devtools::Table;

use crate::{Error, cpu, process, workspace};

/// Options of `bench-tool`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask bench-tool                     15 calls of each question\n  \
    cargo xtask bench-tool --hypervisor FILE   pahole reads this file\n  \
    cargo xtask bench-tool --install           the processor time of `cargo install` too: minutes\n\n\
    pahole is in Debian's package of that name. Its file is the one that the tests of layouts have\n\
    fetched: `cargo test -p xen-layouts --features headers --test hypervisor`. A bound that is missed\n\
    does not change the exit status.")]
pub(crate) struct Options {
    /// How many calls of each
    #[arg(long, default_value_t = 15, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=999))]
    runs: u32,
    /// A hypervisor with debug information [default: that of the tests]
    #[arg(long, value_name = "FILE")]
    hypervisor: Option<PathBuf>,
    /// Measure a clean `cargo install --path xenabi` too
    #[arg(long)]
    install: bool,
}

/// The most that one call may take.
const CALL: Duration = Duration::from_millis(50);

/// The most processor time that an installation may take: a quarter of what it was when the tool read headers.
const INSTALL: Duration = Duration::from_secs(97);

/// The questions, each with what pahole is asked for the same.
const QUESTIONS: &[(&str, Option<&str>)] = &[
    ("layout gnttab_copy", Some("-C gnttab_copy")),
    ("layout xen_domctl", Some("-C xen_domctl")),
    ("uses gnttab_copy_ptr", Some("-i gnttab_copy")),
    ("export", Some("")),
    ("find evtchn_port", None),
    ("const GNTTABOP_copy", None),
    ("value -22", None),
    ("explain -11", None),
    ("since xen_domctl_createdomain", None),
    ("diff 4.14 4.22", None),
    ("releases", None),
];

/// Times every question and prints the table.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let xenabi = if options.install { install()? } else { build()? };
    let hypervisor = hypervisor(options)?;
    let mut table =
        Table::new(["call", "median ms", "fastest", "slowest", "processor ms", "bound"]);
    for (question, pahole) in QUESTIONS {
        let of_xenabi = times(&xenabi, question.split(' '), None, options.runs)?;
        let bound = if of_xenabi.median() <= CALL { "ok" } else { "over" };
        table.row(row(&format!("xenabi {question}"), &of_xenabi, bound));
        if let (Some(arguments), Some(file)) = (pahole, &hypervisor) {
            let words = arguments.split_whitespace();
            let times = times(Path::new("pahole"), words, Some(file), options.runs)?;
            table.row(row(&format!("pahole {arguments} xen-syms"), &times, ""));
        }
    }
    table.print();
    Ok(())
}

/// Builds xenabi as it would be installed.
fn build() -> Result<PathBuf, Error> {
    let mut command = workspace::cargo()?;
    process::captured("build xenabi", command.args(["build", "--release", "-p", "xenabi"]))?;
    Ok(workspace::target_dir()?.join("release").join(program()))
}

fn program() -> String {
    format!("xenabi{}", env::consts::EXE_SUFFIX)
}

/// The file that pahole reads; none, with a line that says why, if there is none or no pahole.
fn hypervisor(options: &Options) -> Result<Option<PathBuf>, Error> {
    if !process::succeeds(Command::new("pahole").arg("--version")) {
        anstream::eprintln!("no pahole: install the package pahole to compare with it");
        return Ok(None);
    }
    if let Some(file) = &options.hypervisor {
        let file = fs::canonicalize(file).map_err(Error::file(file))?;
        return Ok(Some(file));
    }
    let cache = workspace::target_dir()?.join("debian-packages");
    let packages = fs::read_dir(&cache).into_iter().flatten().flatten();
    let found = packages.map(|package| package.path().join("xen-syms")).find(|file| file.is_file());
    if found.is_none() {
        anstream::eprintln!(
            "no hypervisor with debug information: name one with --hypervisor, or fetch the tests' by \
             `cargo test -p xen-layouts --features headers --test hypervisor`"
        );
    }
    Ok(found)
}

/// The times of several calls.
struct Times {
    /// Sorted.
    wall: Vec<Duration>,
    /// The mean, which other programs on the machine change less; where the system tells it.
    cpu: Option<Duration>,
}

impl Times {
    fn median(&self) -> Duration {
        self.wall[self.wall.len() / 2]
    }
}

fn times<'a>(
    program: &Path,
    arguments: impl Iterator<Item = &'a str> + Clone,
    file: Option<&PathBuf>,
    runs: u32,
) -> Result<Times, Error> {
    let (before, mut wall) = (cpu::of_children(), Vec::new());
    for _ in 0..runs {
        let mut command = Command::new(program);
        command.args(arguments.clone()).args(file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let start = Instant::now();
        let status = command.status().map_err(|source| process::cannot_start(&command, source))?;
        wall.push(start.elapsed());
        // Status 1 of xenabi is an answer.
        if !matches!(status.code(), Some(0 | 1)) {
            let question = arguments.clone().collect::<Vec<_>>().join(" ");
            return Err(Error::Unexpected(format!("{} {question}: {status}", program.display())));
        }
    }
    wall.sort_unstable();
    Ok(Times { wall, cpu: spent_since(before).map(|all| all / runs) })
}

/// The processor time of child processes since it was `before`, where the system tells it.
fn spent_since(before: Option<Duration>) -> Option<Duration> {
    Some(cpu::of_children()?.saturating_sub(before?))
}

fn row(name: &str, times: &Times, bound: &str) -> [String; 6] {
    let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e3);
    let (first, last) = (times.wall[0], times.wall[times.wall.len() - 1]);
    let cpu = times.cpu.map_or_else(|| String::from("-"), ms);
    [name.to_owned(), ms(times.median()), ms(first), ms(last), cpu, bound.to_owned()]
}

/// Installs xenabi as a user does, with nothing built before.
fn install() -> Result<PathBuf, Error> {
    let directory = workspace::scratch("bench-tool")?;
    workspace::remove(&directory)?;
    let mut command = workspace::cargo()?;
    command.args(["install", "--locked", "--path", "xenabi", "--root"]).arg(&directory);
    command.arg("--target-dir").arg(directory.join("build"));
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "CARGO_BUILD_TARGET"]
    {
        command.env_remove(variable);
    }
    let before = cpu::of_children();
    let wall = process::captured("cargo install --path xenabi", &mut command)?;
    let cpu = spent_since(before).ok_or_else(|| {
        Error::Unexpected(String::from("this system does not tell the processor time of children"))
    })?;
    let program = directory.join("bin").join(program());
    let size = fs::metadata(&program).map_err(Error::file(&program))?.len();
    println!(
        "cargo install --path xenabi: {:.0} s of processor time ({}, at most {:.0}), {:.0} s, a program of {:.1} MB\n",
        cpu.as_secs_f64(),
        if cpu <= INSTALL { "ok" } else { "over" },
        INSTALL.as_secs_f64(),
        wall.as_secs_f64(),
        size as f64 / 1e6
    );
    workspace::remove(&directory.join("build"))?;
    Ok(program)
}
