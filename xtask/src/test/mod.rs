//! `cargo xtask test`: every check, in steps.
//!
//! The first steps run alone, since they fail soonest. The others run in lanes, side by side if there
//! is more than one core. A step that runs beside others is a process of its own, `cargo xtask test
//! STEP`; see [`lanes`]. A step that is named on the command line and skipped is an error of its own.

mod lanes;
mod steps;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use clap::builder::PossibleValuesParser;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::install::Install;
use crate::need::{self, Need};
use crate::progress::Progress;
use crate::{Error, cpu, process, workspace};
use devtools::Table;

use lanes::{Ending, Job, Lane, Lanes};
use steps::{Action, Needs, Place, Runs, STEPS, Step};

/// Options of `test`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask test                every step; installs what is missing, after a line that says so\n  \
    cargo xtask test --no-install   every step; fails where something required is missing\n  \
    cargo xtask test --quick        only what needs no more than Rust: formatting, lints, tests\n  \
    cargo xtask test --list         the steps\n  \
    cargo xtask test fmt miri       two of them\n\n\
    Steps run in the order of the list. After the first ones two run at a time; the output of\n\
    each is printed when it ends. The first failure stops the rest, unless --no-fail-fast is given.")]
pub(crate) struct Options {
    /// Only these steps, by the names that --list shows
    #[arg(value_name = "STEP", value_parser = PossibleValuesParser::new(names()), hide_possible_values = true)]
    steps: Vec<String>,
    /// Leave out what needs system packages, the network, or other targets and toolchains
    #[arg(long)]
    quick: bool,
    /// Go on after a step that fails
    #[arg(long)]
    no_fail_fast: bool,
    /// Print the names of the steps and what they check, and run none
    #[arg(long)]
    list: bool,
}

impl Options {
    fn wants(&self, step: &Step) -> bool {
        let left_out = if self.quick { Runs::Full } else { Runs::Quick };
        step.runs != left_out
            && (self.steps.is_empty() || self.steps.iter().any(|name| name == step.name))
    }
}

/// The names of all steps.
fn names() -> impl Iterator<Item = &'static str> {
    // The name that occurs twice has a quick variant.
    STEPS.iter().filter(|step| step.runs != Runs::Quick).map(|step| step.name)
}

/// Runs the steps and ends with a table, or lists them.
pub(crate) fn run(options: &Options, install: Install) -> Result<(), Error> {
    let chosen: Vec<_> = STEPS.iter().filter(|step| options.wants(step)).collect();
    if options.list {
        list(&chosen);
        return Ok(());
    }
    if chosen.is_empty() {
        let steps = options.steps.join(", ");
        return Err(Error::Usage(format!("not part of --quick: {steps}; leave it out")));
    }
    let start = Instant::now();
    let mut report = Report::default();
    let result = run_all(&chosen, options, install, &mut report);
    if chosen.len() > 1 {
        report.print(start.elapsed());
    }
    result?;
    if options.steps.is_empty() || report.skipped.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = report.skipped.iter().map(|(name, _)| *name).collect();
    Err(Error::Skipped(names.join(", ")))
}

fn list(chosen: &[&Step]) {
    let width = chosen.iter().map(|step| step.name.len()).max().unwrap_or(0);
    for step in chosen {
        println!("{:<width$}  {}", step.name, step.about);
    }
}

fn run_all(
    chosen: &[&Step],
    options: &Options,
    install: Install,
    report: &mut Report,
) -> Result<(), Error> {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let in_lanes = |step: &&&Step| matches!(step.place, Place::In(_));
    let lanes: Vec<Lane> = chosen.iter().filter_map(|step| step.place.lane()).collect();
    let has_company = cores > 1 && lanes.iter().any(|lane| *lane != lanes[0]);
    let (beside, alone): (Vec<_>, Vec<_>) =
        chosen.iter().partition(|step| has_company && in_lanes(step));
    let mut first_failure = None;
    for step in alone {
        if !provide(step, |_| true, install, report)? {
            continue;
        }
        if let Err(error) = run_here(step, install, report) {
            if !options.no_fail_fast {
                return Err(error);
            }
            first_failure.get_or_insert(error);
        }
    }
    // Installed before they start: rustup and apt-get run one at a time, and in the open. What is compiled is left
    // to the steps.
    let mut jobs = Vec::new();
    for step in beside {
        if provide(step, |need| !need.is_compiled(), install, report)? {
            let of_lane = |lane| job(step, lane, options.quick, install);
            jobs.extend(step.place.lane().map(of_lane).transpose()?);
        }
    }
    let (stop, mut ended) = (stop_signals()?, Vec::new());
    let mut output = std::io::stdout();
    let mut lanes = Lanes {
        most: cores,
        fail_fast: !options.no_fail_fast,
        stop: &stop,
        output: &mut output,
        ended: &mut ended,
    };
    let result = lanes.run(jobs);
    for job in ended {
        if job.result == Ending::Skipped {
            report.skipped.push((job.name, "its output says why".to_owned()));
        }
        report.rows.push(Row::from(job));
    }
    first_failure.map_or(result, Err)
}

/// A flag that is set when this process is asked to end. Without it a terminal's interrupt would end
/// this process alone: jobs are in process groups of their own.
fn stop_signals() -> Result<Arc<AtomicBool>, Error> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(|error| {
            Error::Unexpected(format!("signal {signal} cannot be handled: {error}"))
        })?;
    }
    Ok(stop)
}

/// Provides those of a step's needs that are wanted; `false` if the step is skipped for want of one.
fn provide(
    step: &Step,
    is_wanted: fn(&Need) -> bool,
    install: Install,
    report: &mut Report,
) -> Result<bool, Error> {
    let start = Instant::now();
    let (Needs::Required(needs) | Needs::Optional(needs)) = step.needs;
    let provided = need::provide(needs.iter().filter(|need| is_wanted(need)), install);
    let result = match step.needs {
        Needs::Required(_) => provided.map(|()| None),
        Needs::Optional(_) => Ok(provided.err()),
    };
    let row = |word| Row { name: step.name, elapsed: start.elapsed(), cpu: None, word };
    match result {
        Ok(None) => Ok(true),
        Ok(Some(reason)) => {
            anstream::eprintln!("skipping {}: {reason}", step.name);
            report.rows.push(row("skipped"));
            report.skipped.push((step.name, reason.to_string()));
            Ok(false)
        }
        Err(error) => {
            report.rows.push(row("FAILED"));
            Err(error)
        }
    }
}

/// Runs a step in this process.
fn run_here(step: &Step, install: Install, report: &mut Report) -> Result<(), Error> {
    let (start, cpu_before) = (Instant::now(), cpu::of_children());
    let result = act(step, install);
    let cpu = cpu::of_children().zip(cpu_before).map(|(after, before)| after - before);
    let word = if result.is_ok() { "ok" } else { "FAILED" };
    report.rows.push(Row { name: step.name, elapsed: start.elapsed(), cpu, word });
    result
}

fn act(step: &Step, install: Install) -> Result<(), Error> {
    match step.action {
        Action::Quiet(commands) => commands.iter().try_for_each(|arguments| {
            process::captured(&arguments.join(" "), &mut cargo(arguments)?).map(drop)
        }),
        Action::Tests(commands) => commands.iter().try_for_each(|arguments| {
            process::open(&arguments.join(" "), &mut cargo(arguments)?).map(drop)
        }),
        Action::Command(function) => {
            let progress = Progress::announce(step.name);
            let result = function(install);
            progress.end(result.is_ok());
            result
        }
    }
}

/// A step as a process of its own.
fn job(step: &Step, lane: Lane, quick: bool, install: Install) -> Result<Job, Error> {
    // Cargo may replace the file of this program meanwhile. Linux still has it open here.
    let program = Path::new("/proc/self/exe");
    let mut command = if program.exists() {
        Command::new(program)
    } else {
        Command::new(std::env::current_exe().map_err(Error::file("xtask"))?)
    };
    command.args((install == Install::Forbidden).then_some("--no-install"));
    command.args(["test", step.name]).current_dir(workspace::root()?);
    if quick {
        command.arg("--quick");
    }
    Ok(Job { name: step.name, lane, command, by_hand: format!("cargo xtask test {}", step.name) })
}

/// A cargo command in the environment that the checks want.
fn cargo(arguments: &[&str]) -> Result<Command, Error> {
    let mut command = workspace::cargo()?;
    command.args(arguments);
    if arguments[0] == "test" {
        // A snapshot that differs fails its test and is not overwritten.
        command.env("CI", "true").env("INSTA_UPDATE", "no");
    }
    Ok(command)
}

/// What is said at the end.
#[derive(Default)]
struct Report {
    rows: Vec<Row>,
    /// Names and reasons.
    skipped: Vec<(&'static str, String)>,
}

/// How a step went.
struct Row {
    name: &'static str,
    elapsed: Duration,
    cpu: Option<Duration>,
    word: &'static str,
}

impl From<lanes::Ended> for Row {
    fn from(job: lanes::Ended) -> Self {
        let word = match job.result {
            Ending::Ok => "ok",
            Ending::Failed => "FAILED",
            Ending::Skipped => "skipped",
            Ending::Stopped => "stopped",
        };
        Self { name: job.name, elapsed: job.elapsed, cpu: job.cpu, word }
    }
}

impl Report {
    fn print(&self, all: Duration) {
        let figure = |time: Duration| format!("{:.1}", time.as_secs_f64());
        let mut table = Table::new(["step", "seconds", "cpu", "result"]);
        for row in &self.rows {
            let cpu = row.cpu.map_or("-".to_owned(), figure);
            table.row([row.name.to_owned(), figure(row.elapsed), cpu, row.word.to_owned()]);
        }
        let cpu = self.rows.iter().filter_map(|row| row.cpu).sum();
        table.row(["all".to_owned(), figure(all), figure(cpu)]);
        println!();
        table.print();
        for (name, reason) in &self.skipped {
            println!("NOT checked: {name} ({reason})");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(steps: &[&str], quick: bool) -> Options {
        let steps = steps.iter().map(|name| (*name).to_owned()).collect();
        Options { steps, quick, no_fail_fast: false, list: false }
    }

    #[test]
    fn tests_never_write_snapshots() {
        let command = cargo(&["test", "--workspace"]).unwrap();
        assert!(process::line(&command).contains("INSTA_UPDATE=no"));
    }

    #[test]
    fn steps_are_chosen_by_name() {
        let chosen = |options: Options| -> Vec<_> {
            STEPS.iter().filter(|step| options.wants(step)).map(|step| step.name).collect()
        };
        assert_eq!(chosen(options(&["miri", "fmt"], false)), ["fmt", "miri"]);
        assert_eq!(chosen(options(&[], true)), ["fmt", "lock", "clippy", "test"]);
        assert_eq!(chosen(options(&["miri"], true)), [""; 0]);
        assert_eq!(chosen(options(&[], false)).len(), names().count());
    }

    #[test]
    fn a_step_that_lacks_something_fails_or_is_skipped() {
        use crate::tool::Tool;
        const ABSENT: Tool = Tool::absent();
        const NEEDS: &[Need] = &[Need::Tool(&ABSENT)];
        let step = |needs| Step {
            name: "fake",
            about: "",
            runs: Runs::Full,
            place: Place::First,
            needs,
            action: Action::Quiet(&[]),
        };
        let mut report = Report::default();
        let optional = step(Needs::Optional(NEEDS));
        assert!(!provide(&optional, |_| true, Install::Forbidden, &mut report).unwrap());
        assert_eq!(report.rows[0].word, "skipped");
        assert!(report.skipped[0].1.contains("leave out --no-install"), "{:?}", report.skipped);
        let required = step(Needs::Required(NEEDS));
        assert!(provide(&required, |_| true, Install::Forbidden, &mut report).is_err());
        assert_eq!(report.rows[1].word, "FAILED");
        // It is left to the step's own process.
        let compiled = |need: &Need| !need.is_compiled();
        assert!(provide(&required, compiled, Install::Forbidden, &mut report).unwrap());
    }
}
