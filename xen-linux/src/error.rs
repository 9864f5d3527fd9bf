//! Why an operation did not succeed.

use std::fmt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use xen_abi::GrantStatus;
use xen_abi::xen::{domid_t, xen_pfn_t};
use xen_ops::page::PAGE_SIZE;
use xen_ops::view::OutOfBounds;

use crate::fam::LengthError;

/// An operation that did not succeed: which, and why.
///
/// ```
/// use xen_linux::{Cause, gntdev::Gntdev};
///
/// let error = Gntdev::open_at("/dev/xen/missing/gntdev").unwrap_err();
/// assert!(matches!(error.cause(), Cause::Open { .. }));
/// assert_eq!(
///     error.to_string(),
///     "/dev/xen/missing/gntdev: No such file or directory (os error 2); is this a Xen domain, \
///      and is the module loaded (`modprobe xen-gntdev`)?"
/// );
/// ```
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
    /// The device does not support this operation: the descriptor is one of another device, or the
    /// kernel is older than the operation or built without it. 64-bit kernels support no operation for
    /// 32-bit programs.
    Unsupported,
    /// Fewer or more elements than the operation takes.
    Count {
        /// How many there were.
        count: usize,
        /// The fewest that it takes.
        min: usize,
        /// The most that it takes.
        max: usize,
    },
    /// A range of bytes that is not inside one page.
    Range(OutOfBounds),
    /// A page that does not exist.
    Page {
        /// Its number, counted from 0.
        page: usize,
        /// How many pages there are.
        pages: usize,
    },
    /// A segment of a copy that was not copied.
    Segment {
        /// Its number, counted from 0.
        segment: usize,
        /// Xen's reason.
        status: GrantStatus,
    },
    /// A frame of another domain that is not mapped.
    Frame {
        /// Its place in the list, counted from 0.
        frame: usize,
        /// The other domain.
        domid: domid_t,
        /// Its number there.
        number: xen_pfn_t,
        /// Xen's reason; ENOENT if it is paged out.
        errno: Errno,
    },
    /// Xen refused at least one of the grants, and none is mapped.
    Refused,
    /// More events were pending than the device can store: some are lost.
    Overflow,
    /// No page or grant reference is left to share.
    Exhausted,
    /// The time limit passed.
    TimedOut,
    /// The kernel's pages are larger than grants, and the operation needs both to be the same size.
    KernelPages {
        /// Bytes in a page of the kernel.
        size: usize,
    },
    /// The process has forked since it opened the device: descriptors and mappings are the parent's.
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

    /// For `map_err`: what `errno` means for this operation.
    pub(crate) fn instead(errno: Errno, cause: Cause) -> impl FnOnce(Self) -> Self {
        move |error| {
            if error.cause == Cause::Errno(errno) { Self { cause, ..error } } else { error }
        }
    }

    /// For `map_err`: more or fewer elements than the kernel takes.
    pub(crate) fn length(operation: &'static str) -> impl FnOnce(LengthError) -> Self {
        move |LengthError { len, max }| {
            Self::new(operation, Cause::Count { count: len, min: 1, max })
        }
    }

    /// The kernel mapped something at address 0, which it never does.
    pub(crate) const fn nowhere() -> Self {
        Self::new("mmap", Cause::Errno(Errno::FAULT))
    }

    /// The operation: the name of the `ioctl` in upstream's header, or of the system call; the path of the
    /// device where a descriptor is one of another.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        self.operation
    }

    /// Why it did not succeed.
    #[must_use]
    pub const fn cause(&self) -> &Cause {
        &self.cause
    }

    /// The kernel's error number, where the cause is no more than that or a device that cannot be
    /// opened.
    #[must_use]
    pub const fn as_errno(&self) -> Option<Errno> {
        match self.cause {
            Cause::Open { errno, .. } | Cause::Errno(errno) => Some(errno),
            _ => None,
        }
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
                write!(f, "{}: {errno}", path.display())?;
                way_out(path, *errno, f)
            }
            Self::Errno(errno) => errno.fmt(f),
            Self::Unsupported => f.write_str(
                "the device does not support this: it is another device, or the kernel is too old or \
                 built without it",
            ),
            Self::Count { count, min, max } => {
                write!(f, "{count} elements; it takes {min} to {max}")
            }
            Self::Range(range) => range.fmt(f),
            Self::Page { page, pages } => write!(f, "no page {page}; there are {pages}"),
            Self::Segment { segment, status } => write!(f, "segment {segment}: {status}"),
            Self::Frame { frame, domid, number, errno } => write!(
                f,
                "frame {:#x} of domain {}, number {frame} of the list: {errno}",
                number.0, domid.0
            ),
            Self::Refused => f.write_str(
                "at least one of the grants cannot be mapped: there is no such grant or domain, \
                 it is for another domain, it is read-only, or the security policy forbids it",
            ),
            Self::Overflow => f.write_str(
                "events were lost; reset the device, and handle every port as if it had one",
            ),
            Self::Exhausted => f.write_str(
                "no page or grant reference is left to share; for pages see \
                 /sys/module/xen_gntalloc/parameters/limit",
            ),
            Self::TimedOut => f.write_str("the time limit passed"),
            Self::KernelPages { size } => {
                write!(f, "the kernel's pages are {size} bytes, and a grant is {PAGE_SIZE}")
            }
            Self::Forked => {
                f.write_str("the process has forked since; open the device in the child")
            }
        }
    }
}

impl std::error::Error for Error {}

/// Writes what to do about a device that does not open.
fn way_out(path: &Path, errno: Errno, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match errno {
        _ if path == Path::new("/proc/misc") => {
            f.write_str("; it or sysfs says which device a file is: mount one of them")
        }
        Errno::NOENT | Errno::NODEV | Errno::NXIO => {
            f.write_str("; is this a Xen domain, and is the module loaded")?;
            match path.file_name().and_then(|name| name.to_str()) {
                // The only module that has two devices.
                Some("hypercall") => f.write_str(" (`modprobe xen-privcmd`)")?,
                Some(name @ ("evtchn" | "gntalloc" | "gntdev" | "privcmd")) => {
                    write!(f, " (`modprobe xen-{name}`)")?;
                }
                _ => {}
            }
            f.write_str("?")
        }
        Errno::ACCESS | Errno::PERM => {
            f.write_str("; only root may open it unless udev says otherwise")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(path: &str, errno: Errno) -> String {
        Error::open(Path::new(path))(errno).to_string()
    }

    #[test]
    fn a_device_that_does_not_open_says_what_can_be_done() {
        let text = opening("/dev/xen/hypercall", Errno::NOENT);
        assert!(text.starts_with("/dev/xen/hypercall: No such file"), "{text}");
        assert!(text.ends_with("is the module loaded (`modprobe xen-privcmd`)?"), "{text}");
        let text = opening("/run/container/gntalloc", Errno::NXIO);
        assert!(text.ends_with("(`modprobe xen-gntalloc`)?"), "{text}");
        let text = opening("/proc/misc", Errno::NOENT);
        assert!(text.ends_with("which device a file is: mount one of them"), "{text}");
        assert!(opening("/tmp/other", Errno::NODEV).ends_with("is the module loaded?"));
        assert!(opening("/dev/xen/gntdev", Errno::ACCESS).contains("only root"));
        let text = opening("/dev/xen/gntdev", Errno::MFILE);
        assert!(!text.contains(';'), "{text}");
    }

    #[test]
    fn what_an_error_number_means_is_said_in_its_place_only() {
        let error = |errno| Error::errno("mmap")(errno);
        let meaning = |errno| Error::instead(Errno::INVAL, Cause::Refused)(error(errno));
        assert_eq!(meaning(Errno::INVAL), Error::new("mmap", Cause::Refused));
        assert_eq!(meaning(Errno::INVAL).as_errno(), None);
        assert_eq!(meaning(Errno::NOMEM), error(Errno::NOMEM));
        assert_eq!(meaning(Errno::NOMEM).as_errno(), Some(Errno::NOMEM));
    }

    #[test]
    fn an_error_names_the_operation() {
        let error = Error::new("IOCTL_X", Cause::Count { count: 0, min: 1, max: 7 });
        assert_eq!(error.to_string(), "IOCTL_X: 0 elements; it takes 1 to 7");
        let error = Error::new("IOCTL_X", Cause::Page { page: 2, pages: 2 });
        assert_eq!(error.to_string(), "IOCTL_X: no page 2; there are 2");
    }
}
