//! A program, its faults, and the results of a run.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::process::{Command, Stdio};

use nix::errno::Errno;

use super::call::Call;
use super::error::Error;
use super::fault::Fault;
use super::state::State;
use super::supervisor::Supervisor;

/// A program to run with the `/dev/xen` of this crate.
#[derive(Debug)]
pub struct Program {
    command: Command,
    faults: Vec<Fault>,
}

impl Program {
    /// The program at a path, or by a name in `PATH`.
    #[must_use]
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        // Reading debug information for a backtrace takes more memory than `Heap` has.
        command.env("RUST_BACKTRACE", "0");
        Self { command, faults: Vec::new() }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Makes a call fail: the `nth` in windows, counted from 0. It may be called several times. The call is
    /// not performed, unless it is a close, which closes the descriptor even if it fails.
    #[must_use]
    pub fn fail(mut self, nth: usize, errno: Errno) -> Self {
        self.faults.push(Fault::new(nth, errno, false));
        self
    }

    /// Makes the call fail, and every later call with the same signature.
    #[must_use]
    pub fn fail_always(mut self, nth: usize, errno: Errno) -> Self {
        self.faults.push(Fault::new(nth, errno, true));
        self
    }

    /// Runs it to its end. Standard input is empty; standard output and error are kept.
    ///
    /// # Errors
    ///
    /// [`Error`] if it could not be run and supervised; not if the program failed.
    pub fn run(mut self) -> Result<Run, Error> {
        let (stdout, stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
        self.command.stdin(Stdio::null());
        self.command.stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
        let seen = Supervisor::start(self.command, self.faults)?.run()?;
        Ok(Run {
            ending: seen.ending,
            windows: seen.windows,
            left: seen.at_exit.beyond(&seen.at_start),
            stdout: text(stdout)?,
            stderr: text(stderr)?,
        })
    }
}

fn text(mut file: File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// With this status.
    Exited(i32),
    /// By this signal.
    Killed(i32),
    /// It was killed, because it made more calls in a window than any operation needs.
    Runaway,
    /// It was killed, because it took too long.
    Late,
}

/// The results of a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Run {
    /// How it ended.
    pub ending: Ending,
    /// What happened in each window, in order.
    pub windows: Vec<Window>,
    /// What it held at its end and not at its start.
    pub left: State,
    /// What it wrote to its standard output.
    pub stdout: String,
    /// What it wrote to its standard error.
    pub stderr: String,
}

impl Run {
    /// The first window of a name.
    ///
    /// # Panics
    ///
    /// If there is none: the program ended before.
    #[must_use]
    pub fn window(&self, name: &str) -> &Window {
        let found = self.windows.iter().find(|window| window.name == name);
        found.unwrap_or_else(|| {
            panic!("no window {name:?}; {:?}, standard error: {}", self.ending, self.stderr)
        })
    }
}

/// What happened in a window.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Window {
    /// Its name.
    pub name: String,
    /// The system calls made in it.
    pub calls: Vec<Call>,
    /// What the program held when it began.
    pub before: State,
    /// What it held at the end; `None` if the program ended in the window.
    pub after: Option<State>,
    /// How many allocations it made, if its allocator is a [`Heap`](crate::heap::Heap).
    pub heap_requests: u64,
    /// Bytes that are allocated more than before; negative if there are fewer.
    pub heap_kept: i64,
}

impl Window {
    /// What the program holds at the end of the window and did not hold before.
    ///
    /// # Panics
    ///
    /// If the program ended in the window.
    #[must_use]
    pub fn leaked(&self) -> State {
        let after = self.after.as_ref();
        after.unwrap_or_else(|| panic!("window {:?} did not end", self.name)).beyond(&self.before)
    }
}
