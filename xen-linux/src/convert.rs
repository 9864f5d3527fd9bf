//! Conversions of errors into those of the standard library and of rustix.

use std::io;

use rustix::io::Errno;
use xen_abi::GrantStatus;
use xen_ops::{Failed, hypercall};

use crate::{Cause, Error};

/// The error without what was returned, which is dropped.
impl<T> From<Failed<Self, T>> for Error {
    fn from(failed: Failed<Self, T>) -> Self {
        failed.error
    }
}

/// With the kernel's error number where there is one ([`Error::as_errno`]), as if the system call had
/// been made by hand. Otherwise with the nearest [`io::ErrorKind`], and the [`Error`] inside.
///
/// ```
/// use std::io;
///
/// fn open() -> io::Result<xen_linux::Gntdev> {
///     Ok(xen_linux::Gntdev::open_at("/dev/xen/missing/gntdev")?)
/// }
///
/// assert_eq!(open().unwrap_err().kind(), io::ErrorKind::NotFound);
/// ```
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        if let Some(errno) = error.as_errno() {
            return errno.into();
        }
        let kind = match error.cause() {
            Cause::Open { errno, .. } | Cause::Errno(errno) | Cause::Frame { errno, .. } => {
                errno.kind()
            }
            Cause::Unsupported | Cause::KernelPages { .. } => io::ErrorKind::Unsupported,
            Cause::Count { .. } | Cause::Range(_) | Cause::Page { .. } => {
                io::ErrorKind::InvalidInput
            }
            Cause::Refused => io::ErrorKind::PermissionDenied,
            Cause::TimedOut => io::ErrorKind::TimedOut,
            Cause::Exhausted => io::ErrorKind::StorageFull,
            Cause::Segment { .. } | Cause::Overflow | Cause::Forked => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// The kernel's error number, or the one that it uses for this cause.
///
/// | cause | error number |
/// |---|---|
/// | [`Cause::Open`], [`Cause::Errno`], [`Cause::Frame`] | as it says |
/// | [`Cause::Unsupported`] | ENOTTY |
/// | [`Cause::Count`], [`Cause::Range`], [`Cause::Page`], [`Cause::Refused`] | EINVAL |
/// | [`Cause::Segment`] | EIO |
/// | [`Cause::Overflow`] | EFBIG |
/// | [`Cause::Exhausted`] | ENOSPC |
/// | [`Cause::TimedOut`] | ETIMEDOUT |
/// | [`Cause::KernelPages`] | EOPNOTSUPP |
/// | [`Cause::Forked`] | EBADF |
impl From<Error> for Errno {
    fn from(error: Error) -> Self {
        match *error.cause() {
            Cause::Open { errno, .. } | Cause::Errno(errno) | Cause::Frame { errno, .. } => errno,
            Cause::Unsupported => Self::NOTTY,
            Cause::Count { .. } | Cause::Range(_) | Cause::Page { .. } | Cause::Refused => {
                Self::INVAL
            }
            Cause::Segment { .. } => Self::IO,
            Cause::Overflow => Self::FBIG,
            Cause::Exhausted => Self::NOSPC,
            Cause::TimedOut => Self::TIMEDOUT,
            Cause::KernelPages { .. } => Self::OPNOTSUPP,
            Cause::Forked => Self::BADF,
        }
    }
}

/// Turns Xen's own errors into [`io::Error`].
///
/// A trait, because neither side of the conversion is a type of this crate. Xen's error numbers are
/// those that Linux has on Xen's architectures.
///
/// ```
/// use std::io;
///
/// use xen_linux::IntoIoError;
/// use xen_linux::xen_abi::errno::XEN_EPERM;
///
/// let error = XEN_EPERM.into_io_error();
/// assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
/// assert!(error.raw_os_error().is_some());
/// ```
pub trait IntoIoError {
    /// The error with Xen's number where there is one, otherwise with the error inside.
    fn into_io_error(self) -> io::Error;
}

impl IntoIoError for xen_abi::Errno {
    fn into_io_error(self) -> io::Error {
        i32::try_from(self.0).map_or_else(|_| io::Error::other(self), io::Error::from_raw_os_error)
    }
}

impl IntoIoError for GrantStatus {
    fn into_io_error(self) -> io::Error {
        io::Error::other(self.to_string())
    }
}

impl IntoIoError for hypercall::Error {
    fn into_io_error(self) -> io::Error {
        match self.errno() {
            Some(errno) => errno.into_io_error(),
            None => io::Error::other(self),
        }
    }
}

/// Of a failure that returns something, which is dropped.
impl<E: Into<io::Error>, T> IntoIoError for Failed<E, T> {
    fn into_io_error(self) -> io::Error {
        self.error.into()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use xen_abi::errno::{XEN_EINVAL, XEN_ESRCH};
    use xen_abi::grant_table::GNTST_bad_gntref;

    use super::*;

    #[test]
    fn an_error_number_of_the_kernel_stays() {
        for error in
            [Error::errno("mmap")(Errno::NOMEM), Error::open(Path::new("/x"))(Errno::NOMEM)]
        {
            assert_eq!(Errno::from(error.clone()), Errno::NOMEM);
            let converted = io::Error::from(error);
            assert_eq!(converted.raw_os_error(), Some(Errno::NOMEM.raw_os_error()));
        }
    }

    #[test]
    fn another_cause_stays_inside() {
        let error = Error::new("dup3", Cause::Forked);
        assert_eq!(Errno::from(error.clone()), Errno::BADF);
        let converted = io::Error::from(error.clone());
        assert_eq!((converted.kind(), converted.raw_os_error()), (io::ErrorKind::Other, None));
        assert_eq!(converted.to_string(), error.to_string());
        let inner = converted.into_inner().unwrap().downcast::<Error>().unwrap();
        assert_eq!(*inner, error);
        let kind = |cause| io::Error::from(Error::new("ioctl", cause)).kind();
        assert_eq!(kind(Cause::Unsupported), io::ErrorKind::Unsupported);
        assert_eq!(kind(Cause::Page { page: 1, pages: 1 }), io::ErrorKind::InvalidInput);
        assert_eq!(kind(Cause::TimedOut), io::ErrorKind::TimedOut);
    }

    #[test]
    fn what_is_returned_is_dropped() {
        let error = Error::errno("munmap")(Errno::NOMEM);
        let failed = || Failed::returning(error.clone(), Box::new(1));
        let question_mark = || -> Result<(), Error> { Err(failed())? };
        assert_eq!(question_mark(), Err(error.clone()));
        let converted = failed().into_io_error();
        assert_eq!(converted.raw_os_error(), Some(Errno::NOMEM.raw_os_error()));
    }

    #[test]
    fn errors_of_xen_keep_their_numbers() {
        let text = |number: i32| io::Error::from_raw_os_error(number).to_string();
        let hypercall = hypercall::Error::from_errno("GNTTABOP_copy", XEN_ESRCH);
        assert_eq!(hypercall.into_io_error().to_string(), text(Errno::SRCH.raw_os_error()));
        assert_eq!(XEN_EINVAL.into_io_error().to_string(), text(Errno::INVAL.raw_os_error()));
        let status = hypercall::Error::from_status("GNTTABOP_copy", GNTST_bad_gntref);
        assert_eq!(status.into_io_error().to_string(), status.to_string());
        assert_eq!(GNTST_bad_gntref.into_io_error().to_string(), GNTST_bad_gntref.to_string());
    }
}
