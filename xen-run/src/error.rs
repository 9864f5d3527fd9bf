//! Why nothing could be booted, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::KernelError;

/// Why nothing could be booted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// QEMU is not installed.
    #[error(
        "{program} cannot be started ({source}); install QEMU: it is in Debian's package {package}"
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
    #[error(
        "{program} says {answer:?}; version {}.{} or newer is needed: install a newer QEMU",
        minimum.0, minimum.1
    )]
    OldQemu {
        /// The program.
        program: String,
        /// What it answered to `--version`.
        answer: String,
        /// The version that is needed.
        minimum: (u32, u32),
    },

    /// The kernel cannot be booted by this machine.
    #[error("{}: {reason}", path.display())]
    Kernel {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: KernelError,
    },

    /// No kernel is named, and the first domain is no Linux.
    #[error("{0} has no kernel to boot: name one")]
    NoKernel(String),

    /// A domain has more disks than there are names for.
    #[error("{count} disks for one domain: {most} are the most")]
    TooManyDisks {
        /// How many are wanted.
        count: usize,
        /// How many there can be.
        most: usize,
    },

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

    /// A file cannot be written or read: it is not there, no permission, or no space.
    #[error("{}: {source}", path.display())]
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
}

impl Error {
    /// For `map_err`: a file or directory refused.
    pub fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
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

/// How a machine ended that was no success.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// It did not end in time.
    Deadline(Duration),
    /// It wrote more than the limit.
    Garbage {
        /// Bytes it had written.
        bytes: usize,
    },
    /// It was stopped through its [`Stopper`](crate::Stopper).
    Stopped,
    /// A kernel or Xen itself said that it gives up, in this line.
    Crash(String),
    /// The first domain asked for a restart.
    Reboot,
    /// QEMU ended with this exit status, none if a signal ended it.
    Status(Option<i32>),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline(limit) => write!(f, "not through after {limit:.0?}, and killed"),
            Self::Garbage { bytes } => write!(f, "{bytes} bytes of output and no end, and killed"),
            Self::Stopped => f.write_str("stopped"),
            Self::Crash(line) => write!(f, "crashed: {line}"),
            Self::Reboot => f.write_str("the first domain asked for a restart"),
            Self::Status(Some(status)) => {
                write!(f, "QEMU ended with exit status {status}, which is none of success")
            }
            Self::Status(None) => f.write_str("QEMU was ended by a signal"),
        }
    }
}

impl std::error::Error for Cause {}
