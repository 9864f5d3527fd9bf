//! Jobs side by side: one at a time in each lane.
//!
//! A job is a process. Its output goes to a file and is printed in one piece when it ends. The first job
//! that fails stops all others. So does a flag, which is for signals that ask this process to end.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::error::SKIPPED;
use crate::{Error, cpu, process};

/// How often running jobs are looked at.
const POLL: Duration = Duration::from_millis(20);

/// How often a line says what is running.
const NEWS: Duration = Duration::from_secs(60);

/// How long a job may take to end when it is told to.
const GRACE: Duration = Duration::from_secs(5);

/// Jobs of one lane use the same thing and take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lane(pub(super) &'static str);

/// Something to run.
pub(super) struct Job {
    /// Its name.
    pub(super) name: &'static str,
    pub(super) lane: Lane,
    pub(super) command: Command,
    /// What a user types to run it alone.
    pub(super) by_hand: String,
}

/// A job that has ended, or was stopped.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) name: &'static str,
    pub(super) elapsed: Duration,
    /// Processor time, where the system tells it.
    pub(super) cpu: Option<Duration>,
    pub(super) result: Ending,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Ok,
    Failed,
    /// Something that it needs could not be installed.
    Skipped,
    /// Another job had failed.
    Stopped,
}

/// How jobs are run.
pub(super) struct Lanes<'a> {
    /// How many jobs run at a time, at most.
    pub(super) most: usize,
    /// Whether a failure stops the others.
    pub(super) fail_fast: bool,
    /// Stops everything when it is set.
    pub(super) stop: &'a AtomicBool,
    /// Takes the jobs' output.
    pub(super) output: &'a mut dyn Write,
    /// Gets a row for each job in the order in which they end; those never started have none.
    pub(super) ended: &'a mut Vec<Ended>,
}

impl Lanes<'_> {
    /// Runs jobs, those of a lane in their order.
    pub(super) fn run(&mut self, jobs: Vec<Job>) -> Result<(), Error> {
        let mut waiting = VecDeque::from(jobs);
        let mut running = Vec::new();
        let result = self.work(&mut waiting, &mut running);
        // All are told at once, so that they end at the same time.
        running.iter().for_each(Running::terminate);
        self.ended.extend(running.into_iter().map(|job| job.ended(Ending::Stopped, None)));
        result
    }

    fn work(
        &mut self,
        waiting: &mut VecDeque<Job>,
        running: &mut Vec<Running>,
    ) -> Result<(), Error> {
        let mut news = Instant::now();
        let mut first_failure = None;
        loop {
            let mut has_news = news.elapsed() > NEWS;
            while let Some(job) = next(waiting, running, self.most) {
                running.push(Running::start(job)?);
                has_news = true;
            }
            if running.is_empty() {
                return first_failure.map_or(Ok(()), Err);
            }
            if has_news {
                say(running);
                news = Instant::now();
            }
            if self.stop.load(Ordering::Relaxed) {
                let what = "interrupted; the steps under way were stopped";
                return Err(Error::Unexpected(what.to_owned()));
            }
            if let Err(error) = self.collect(running) {
                if self.fail_fast || !matches!(error, Error::Failed { .. }) {
                    return Err(error);
                }
                first_failure.get_or_insert(error);
            }
            sleep(POLL);
        }
    }

    /// Takes out the jobs that have ended and prints their output; an error if one failed.
    fn collect(&mut self, running: &mut Vec<Running>) -> Result<(), Error> {
        let mut index = 0;
        while index < running.len() {
            let cpu_before = cpu::of_children();
            let Some(status) = running[index].poll()? else {
                index += 1;
                continue;
            };
            // Waiting for a child adds its processor time to what the system reports.
            let cpu = cpu::of_children().zip(cpu_before).map(|(after, before)| after - before);
            let job = running.remove(index);
            let text = fs::read(&job.log).map_err(Error::file(&job.log))?;
            // Nothing can be done about a standard output that is gone.
            let _ = self.output.write_all(&text).and_then(|()| self.output.flush());
            let (name, command) = (job.name.to_owned(), job.by_hand.clone());
            let result = match status.code() {
                Some(0) => Ending::Ok,
                Some(code) if code == i32::from(SKIPPED) => Ending::Skipped,
                _ => Ending::Failed,
            };
            self.ended.push(job.ended(result, cpu));
            if result == Ending::Failed {
                return Err(Error::Failed { name, status, command });
            }
        }
        Ok(())
    }
}

/// The next job whose lane is free.
fn next(waiting: &mut VecDeque<Job>, running: &[Running], most: usize) -> Option<Job> {
    if running.len() >= most {
        return None;
    }
    let is_free = |job: &Job| running.iter().all(|other| other.lane != job.lane);
    waiting.iter().position(is_free).and_then(|index| waiting.remove(index))
}

/// One line with all that is running.
fn say(running: &[Running]) {
    let words = running.iter().map(|job| match job.start.elapsed().as_secs() {
        0 => job.name.to_owned(),
        seconds => format!("{} ({seconds} s)", job.name),
    });
    anstream::eprintln!("> running: {}", words.collect::<Vec<_>>().join(", "));
}

/// A job under way. It is stopped when the value is dropped.
struct Running {
    name: &'static str,
    lane: Lane,
    by_hand: String,
    child: Child,
    has_ended: bool,
    log: PathBuf,
    start: Instant,
}

impl Running {
    fn start(job: Job) -> Result<Self, Error> {
        let Job { name, lane, mut command, by_hand } = job;
        // The job writes files by the names of its own programs.
        let log = process::log_file(&format!("job {name}"))?;
        let file = File::create(&log).map_err(Error::file(&log))?;
        let copy = file.try_clone().map_err(Error::file(&log))?;
        // With a group of its own everything that it starts can be stopped at once.
        command.stdin(Stdio::null()).stdout(file).stderr(copy).process_group(0);
        let child = command.spawn().map_err(|source| process::cannot_start(&command, source))?;
        let start = Instant::now();
        Ok(Self { name, lane, by_hand, child, has_ended: false, log, start })
    }

    fn poll(&mut self) -> Result<Option<ExitStatus>, Error> {
        let status = self.child.try_wait().map_err(|error| {
            Error::Unexpected(format!("{} cannot be waited for: {error}", self.name))
        })?;
        self.has_ended |= status.is_some();
        Ok(status)
    }

    /// Asks the job, and all that it has started, to end.
    fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        // Fails if it has just ended.
        let _ = kill_process_group(Pid::from_child(&self.child), signal);
    }

    fn ended(self, result: Ending, cpu: Option<Duration>) -> Ended {
        Ended { name: self.name, elapsed: self.start.elapsed(), cpu, result }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        self.terminate();
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            sleep(POLL);
        }
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const A: Lane = Lane("a");
    const B: Lane = Lane("b");

    /// A job that is a line of shell, run in a directory of the test's own.
    fn job(name: &'static str, lane: Lane, directory: &Path, line: &str) -> Job {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line]).current_dir(directory);
        Job { name, lane, command, by_hand: line.to_owned() }
    }

    /// The line of shell that waits ten seconds for a file.
    fn wait_for(file: &str) -> String {
        format!(
            "n=0; until [ -e {file} ]; do n=$((n+1)); [ $n -lt 500 ] || exit 9; sleep 0.02; done"
        )
    }

    /// Runs jobs: the result, what they printed, and how they ended.
    fn run(
        jobs: Vec<Job>,
        most: usize,
    ) -> (Result<(), Error>, String, Vec<(&'static str, Ending)>) {
        run_with(jobs, most, true)
    }

    fn run_with(
        jobs: Vec<Job>,
        most: usize,
        fail_fast: bool,
    ) -> (Result<(), Error>, String, Vec<(&'static str, Ending)>) {
        let (mut output, mut ended) = (Vec::new(), Vec::new());
        let stop = AtomicBool::new(false);
        let mut lanes =
            Lanes { most, fail_fast, stop: &stop, output: &mut output, ended: &mut ended };
        let result = lanes.run(jobs);
        let endings = ended.iter().map(|job| (job.name, job.result)).collect();
        (result, String::from_utf8(output).unwrap(), endings)
    }

    #[test]
    fn lanes_run_side_by_side_and_each_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        // The first of each lane waits for the other, so both must be running.
        let meet = |mine, other| format!("touch {mine}; {}", wait_for(other));
        let jobs = vec![
            // It ends last, so that its successor could be seen starting too early.
            job("lanes-a1", A, directory, &format!("{}; sleep 0.3; [ ! -e a2 ]", meet("a1", "b1"))),
            job("lanes-a2", A, directory, "touch a2"),
            job("lanes-b1", B, directory, &meet("b1", "a1")),
        ];
        let (result, _, endings) = run(jobs, 3);
        result.unwrap();
        let expected = ["lanes-b1", "lanes-a1", "lanes-a2"].map(|name| (name, Ending::Ok));
        assert_eq!(endings, expected);
    }

    #[test]
    fn one_core_runs_one_job() {
        let directory = tempfile::tempdir().unwrap();
        let line = "mkdir busy && sleep 0.1 && rmdir busy";
        let jobs =
            vec![job("one-a", A, directory.path(), line), job("one-b", B, directory.path(), line)];
        let (result, _, endings) = run(jobs, 1);
        result.unwrap();
        assert_eq!(endings, [("one-a", Ending::Ok), ("one-b", Ending::Ok)]);
    }

    #[test]
    fn a_failure_stops_the_others_with_all_they_started() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let jobs = vec![
            // The shell waits for a process of its own, whose number it leaves.
            job("stop-long", A, directory, "sleep 600 & echo $! > pid; touch ready; wait"),
            job("stop-bad", B, directory, &format!("{}; exit 3", wait_for("ready"))),
            job("stop-never", A, directory, "touch never"),
        ];
        let start = Instant::now();
        let (result, _, endings) = run(jobs, 2);
        let error = result.unwrap_err().to_string();
        assert!(error.contains("stop-bad failed (exit status: 3)"), "{error}");
        assert_eq!(endings, [("stop-bad", Ending::Failed), ("stop-long", Ending::Stopped)]);
        assert!(!directory.join("never").exists());
        let pid = fs::read_to_string(directory.join("pid")).unwrap();
        // It ends soon after its shell. Zombie: whichever process inherited it has not waited yet.
        let lives = || {
            let state = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
            state.is_ok_and(|state| !state.contains(") Z "))
        };
        while lives() {
            assert!(start.elapsed() < Duration::from_secs(60), "{pid} still runs");
            sleep(POLL);
        }
    }

    #[test]
    fn after_a_failure_the_others_run_if_that_is_wanted() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let jobs = vec![
            job("go-bad", A, directory, "exit 3"),
            job("go-next", A, directory, "exit 4"),
            job("go-last", A, directory, "true"),
        ];
        let (result, _, endings) = run_with(jobs, 1, false);
        let error = result.unwrap_err().to_string();
        assert!(error.contains("go-bad failed (exit status: 3)"), "{error}");
        let (failed, ok) = (Ending::Failed, Ending::Ok);
        assert_eq!(endings, [("go-bad", failed), ("go-next", failed), ("go-last", ok)]);
    }

    #[test]
    fn a_job_that_skips_itself_is_no_failure() {
        let directory = tempfile::tempdir().unwrap();
        let jobs = vec![
            job("skip-first", A, directory.path(), "exit 77"),
            job("skip-next", A, directory.path(), "true"),
        ];
        let (result, _, endings) = run(jobs, 1);
        result.unwrap();
        assert_eq!(endings, [("skip-first", Ending::Skipped), ("skip-next", Ending::Ok)]);
    }

    #[test]
    fn the_flag_stops_everything() {
        let directory = tempfile::tempdir().unwrap();
        let (mut output, mut ended) = (Vec::new(), Vec::new());
        let stop = AtomicBool::new(true);
        let mut lanes =
            Lanes { most: 2, fail_fast: true, stop: &stop, output: &mut output, ended: &mut ended };
        let error = lanes.run(vec![job("flag", A, directory.path(), "sleep 600")]).unwrap_err();
        assert!(error.to_string().contains("interrupted"), "{error}");
        assert_eq!(ended[0].result, Ending::Stopped);
    }

    #[test]
    fn output_does_not_mix() {
        let directory = tempfile::tempdir().unwrap();
        let line = |word| format!("for i in 1 2 3 4 5; do echo {word}; sleep 0.01; done");
        let jobs = vec![
            job("apart-a", A, directory.path(), &line("left")),
            job("apart-b", B, directory.path(), &line("right")),
        ];
        let (_, output, _) = run(jobs, 2);
        let (left, right) = ("left\n".repeat(5), "right\n".repeat(5));
        assert!(
            output == format!("{left}{right}") || output == format!("{right}{left}"),
            "{output}"
        );
    }

    #[test]
    fn a_job_that_cannot_start_is_an_error() {
        let command = Command::new("/no/such/program");
        let job = Job { name: "absent", lane: A, command, by_hand: String::new() };
        let error = run(vec![job], 2).0.unwrap_err().to_string();
        assert!(error.contains("/no/such/program"), "{error}");
    }
}
