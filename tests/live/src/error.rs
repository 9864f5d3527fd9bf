//! Why a boot was no success, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why nothing could be booted, or what went wrong when it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// QEMU is not installed.
    #[error(
        "{program} cannot be started ({source}); it is in Debian's package {package}: \
         run `cargo xtask setup`"
    )]
    NoQemu {
        /// The program.
        program: String,
        /// Debian's package of it.
        package: &'static str,
        /// The system's reason.
        source: io::Error,
    },

    /// QEMU is too old, or it does not say how old it is.
    #[error("{program} says {answer:?}; version {}.{} or newer is needed", minimum.0, minimum.1)]
    OldQemu {
        /// The program.
        program: String,
        /// What it answered to `--version`.
        answer: String,
        /// The version that is needed.
        minimum: (u32, u32),
    },

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

    /// A kernel's package holds something else.
    #[error("{} cannot be unpacked: {detail}; delete its directory and try again", path.display())]
    BadKernel {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },

    /// The hypervisor, or Linux, is not pinned.
    #[error(transparent)]
    NotPinned(#[from] NotPinned),

    /// The hypervisor, or Linux, cannot be obtained.
    #[error(transparent)]
    Package(#[from] debian_packages::Error),

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

    /// QEMU's device tree of the machine is not as expected.
    #[error("{} is no device tree with a node /chosen; it comes from {program}", path.display())]
    BadTree {
        /// The file.
        path: PathBuf,
        /// The QEMU that wrote it.
        program: String,
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

/// Something to boot is not pinned for a release and architecture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no {what} is pinned; known are {}", pinned.join(", "))]
pub struct NotPinned {
    /// What was asked for, with the release and Debian architecture.
    pub what: String,
    /// All that are pinned, in the same form.
    pub pinned: Vec<String>,
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
    /// It was not through in time.
    Deadline(Duration),
    /// It wrote more than any boot does.
    Garbage {
        /// Bytes it had written.
        bytes: usize,
    },
    /// A kernel or Xen itself said that it gives up, in this line.
    Crash(String),
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
    /// Every domain was through, and QEMU ended in another way than the guest asked for.
    Status(Option<i32>),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |status: &Option<i32>| match status {
            Some(status) => format!("exit status {status}"),
            None => "a signal".to_owned(),
        };
        match self {
            Self::Deadline(limit) => write!(f, "not through after {limit:.0?}, and killed"),
            Self::Garbage { bytes } => write!(f, "{bytes} bytes of output and no end, and killed"),
            Self::Crash(line) => write!(f, "crashed: {line}"),
            Self::NotThrough { domid, status } => {
                write!(f, "QEMU ended with {} before domain {domid} was through", shown(status))
            }
            Self::Lost { domid, written, read } => {
                write!(f, "domain {domid} wrote {written} steps and {read} arrived")
            }
            Self::Status(status) => {
                write!(f, "QEMU ended with {}, which the guest did not ask for", shown(status))
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
