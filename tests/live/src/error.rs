//! Why a boot was no success, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why nothing could be booted, or what went wrong when it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing can be booted.
    #[error(transparent)]
    Boot(#[from] xen_run::Error),

    /// There is no such machine.
    #[error("no {0} to boot: `cargo xtask live --help` lists what there is")]
    NoSuchRow(String),

    /// There is no such scenario.
    #[error("no scenario {name:?}; there are {}", xen_scenarios::SCENARIOS.join(", "))]
    NoSuchScenario {
        /// The name that was given.
        name: String,
    },

    /// Linux is to do something, and another kernel is booted.
    #[error("only Linux runs commands: {0} is no machine with Linux")]
    NotLinux(String),

    /// The guest kernel, or a program for Linux, does not compile.
    #[error(
        "what the guest runs cannot be built for {target}; `rustup target add {target}` installs the \
         target if that is missing\n{output}"
    )]
    Guest {
        /// The target.
        target: &'static str,
        /// What cargo said.
        output: String,
    },

    /// A file cannot be written or read: no permission, or no space.
    #[error("{}: {source}; the place is set by CARGO_TARGET_DIR", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },

    /// The machine ran, and not as it should.
    #[error(transparent)]
    Failed(Box<Failure>),
}

impl Error {
    /// For `map_err`: a file or directory refused.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

/// A boot that was no success: everything that is needed to understand it, and to see it again.
#[derive(Debug)]
pub struct Failure {
    /// What was booted.
    pub what: String,
    /// What went wrong.
    pub cause: Cause,
    /// The last step of a scenario that was written, with its scenario.
    pub last_step: Option<String>,
    /// The end of what the serial line gave, and what QEMU said.
    pub tail: String,
    /// The whole of it.
    pub log: PathBuf,
    /// The command that does it again.
    pub again: String,
    /// QEMU's own command line.
    pub qemu: String,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The machine itself did not end as it should.
    Ended(xen_run::Cause),
    /// It ended, and this domain had not said that it was through.
    NotThrough {
        /// The domain.
        domid: u16,
        /// QEMU's exit status; none if a signal ended it.
        status: Option<i32>,
    },
    /// Lines were lost between guest and harness.
    Lost {
        /// The domain.
        domid: u16,
        /// How many steps it says it wrote.
        written: usize,
        /// How many arrived.
        read: usize,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(cause) => cause.fmt(f),
            Self::NotThrough { domid, status: Some(status) } => {
                write!(f, "QEMU ended with exit status {status} before domain {domid} was through")
            }
            Self::NotThrough { domid, status: None } => {
                write!(f, "QEMU ended with a signal before domain {domid} was through")
            }
            Self::Lost { domid, written, read } => {
                write!(f, "domain {domid} wrote {written} steps and {read} arrived")
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, cause, last_step, tail, log, again, qemu } = self;
        writeln!(f, "{what}: {cause}")?;
        for line in tail.lines() {
            writeln!(f, "    | {line}")?;
        }
        match last_step {
            Some(step) => writeln!(f, "last step: {step}")?,
            None => writeln!(f, "last step: none was written")?,
        }
        writeln!(f, "log:       {}", log.display())?;
        writeln!(f, "again:     {again}")?;
        write!(f, "QEMU:      {qemu}")
    }
}

impl std::error::Error for Failure {}
