//! Why an operation did not succeed.

use std::fmt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use xen_ops::view::OutOfPage;

/// An operation that did not succeed: which, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    operation: &'static str,
    cause: Cause,
}

/// Why an operation did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The device cannot be opened.
    Open {
        /// The device.
        path: PathBuf,
        /// The kernel's reason.
        errno: Errno,
    },
    /// The kernel refused.
    Errno(Errno),
    /// More or fewer elements than the operation takes.
    Count {
        /// How many there were.
        count: usize,
        /// The least that it takes.
        least: usize,
        /// The most that it takes.
        most: usize,
    },
    /// A range of bytes that is not inside one page of the other domain.
    Range(OutOfPage),
    /// The process has forked since: descriptors and mappings are the parent's.
    Forked,
}

impl Error {
    pub(crate) const fn new(operation: &'static str, cause: Cause) -> Self {
        Self { operation, cause }
    }

    /// For `map_err`: the kernel refused.
    pub(crate) fn errno(operation: &'static str) -> impl FnOnce(Errno) -> Self {
        move |errno| Self::new(operation, Cause::Errno(errno))
    }

    /// For `map_err`: the device cannot be opened.
    pub(crate) fn open(path: &Path) -> impl FnOnce(Errno) -> Self {
        let path = path.to_owned();
        move |errno| Self::new("open", Cause::Open { path, errno })
    }

    /// The operation: the name of the `ioctl` in upstream's header, or of the system call.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        self.operation
    }

    /// Why it did not succeed.
    #[must_use]
    pub const fn cause(&self) -> &Cause {
        &self.cause
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Open { .. } => self.cause.fmt(f),
            cause => write!(f, "{}: {cause}", self.operation),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { path, errno } => {
                write!(f, "{}: {errno}{}", path.display(), way_out(path, *errno))
            }
            Self::Errno(errno) => errno.fmt(f),
            Self::Count { count, least, most } => {
                write!(f, "{count} elements; it takes {least} to {most}")
            }
            Self::Range(range) => range.fmt(f),
            Self::Forked => {
                f.write_str("the process has forked since; open the device in the child")
            }
        }
    }
}

impl std::error::Error for Error {}

/// What can be done about a device that does not open.
fn way_out(path: &Path, errno: Errno) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match errno {
        Errno::NOENT | Errno::NODEV | Errno::NXIO => {
            // The one module that has two devices.
            let module = if name == "hypercall" { "privcmd" } else { &*name };
            format!("; is this a Xen domain, and is the module loaded (`modprobe xen-{module}`)?")
        }
        Errno::ACCESS | Errno::PERM => "; only root may open it unless udev says otherwise".into(),
        _ => String::new(),
    }
}
