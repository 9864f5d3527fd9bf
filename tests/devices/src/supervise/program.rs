//! A program, what is done to it, and what became of it.

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

/// A program to be run with `/dev/xen` as this crate has it.
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

    /// With an argument more.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// With an environment variable more.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// The call with this number, of those made within windows, from 0 on, fails; others may as
    /// well. It is not performed, unless it is a close, which closes even where it fails.
    #[must_use]
    pub fn fail(mut self, nth: usize, errno: Errno) -> Self {
        self.faults.push(Fault::new(nth, errno, false));
        self
    }

    /// That call fails, and so does every later one like it.
    #[must_use]
    pub fn fail_for_ever(mut self, nth: usize, errno: Errno) -> Self {
        self.faults.push(Fault::new(nth, errno, true));
        self
    }

    /// Runs it to its end. Standard input is empty; output and errors are kept.
    ///
    /// # Errors
    ///
    /// [`Error`] if it could not be run and watched; not if it failed.
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
    /// It made more calls in a window than any operation needs, and was killed.
    Runaway,
    /// It was not through in time, and was killed.
    Late,
}

/// What became of a program.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Run {
    /// How it ended.
    pub ending: Ending,
    /// What happened in each window, in order.
    pub windows: Vec<Window>,
    /// What it held when it ended and not when it started.
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
    /// If there is none: the program did not get that far.
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
    /// What it held at the end; none if the program did not get there.
    pub after: Option<State>,
    /// How often it asked its heap for memory, if that is a [`Heap`](crate::heap::Heap).
    pub heap_requests: u64,
    /// Bytes of heap that it has and did not have before; negative if it has fewer.
    pub heap_kept: i64,
}

impl Window {
    /// What the program holds at the end and did not hold before.
    ///
    /// # Panics
    ///
    /// If it did not get to the end.
    #[must_use]
    pub fn leaked(&self) -> State {
        let after = self.after.as_ref();
        after.unwrap_or_else(|| panic!("window {:?} did not end", self.name)).beyond(&self.before)
    }
}
