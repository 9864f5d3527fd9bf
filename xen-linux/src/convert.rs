//! Conversions of errors into those of the standard library and of rustix.

use std::io;

use rustix::io::Errno;
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

/// What the hypercall's error number is to the kernel: Xen's numbers are those that Linux has on Xen's
/// architectures. A grant status, which has none, is EIO.
///
/// In the standard library's form, with a status inside, it is `std::io::Error::from`.
impl From<hypercall::Error> for Error {
    fn from(error: hypercall::Error) -> Self {
        let number = error.errno().and_then(|errno| i32::try_from(errno.0).ok());
        let errno = number.map_or(Errno::IO, Errno::from_raw_os_error);
        Self::new(error.operation(), Cause::Errno(errno))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use xen_abi::errno::XEN_ESRCH;
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
        let converted = io::Error::from(failed());
        assert_eq!(converted.raw_os_error(), Some(Errno::NOMEM.raw_os_error()));
    }

    #[test]
    fn errors_of_xen_keep_their_numbers() {
        let errno = hypercall::Error::from_errno("GNTTABOP_copy", XEN_ESRCH);
        let error = Error::from(errno);
        assert_eq!((error.operation(), Errno::from(error.clone())), ("GNTTABOP_copy", Errno::SRCH));
        assert_eq!(io::Error::from(errno).raw_os_error(), Some(Errno::SRCH.raw_os_error()));
        let status = hypercall::Error::from_status("GNTTABOP_copy", GNTST_bad_gntref);
        assert_eq!(Errno::from(Error::from(status)), Errno::IO);
        assert_eq!(io::Error::from(status).kind(), io::ErrorKind::InvalidInput);
    }
}
