//! Xen's errors as the standard library's.

use std::io;

use crate::support::errno::Errno;
use crate::support::status::GrantStatus;

/// On Linux with the number itself: Xen's error numbers are those that Linux has on Xen's architectures.
/// Elsewhere, and for numbers that no `int` holds, with the nearest [`io::ErrorKind`] and the [`Errno`]
/// inside.
///
/// ```
/// use std::io;
/// use xen_abi::errno::XEN_EPERM;
///
/// assert_eq!(io::Error::from(XEN_EPERM).kind(), io::ErrorKind::PermissionDenied);
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "std")))]
impl From<Errno> for io::Error {
    fn from(errno: Errno) -> Self {
        match i32::try_from(errno.0) {
            Ok(number) if cfg!(target_os = "linux") => Self::from_raw_os_error(number),
            _ => Self::new(errno.kind(), errno),
        }
    }
}

/// With the nearest [`io::ErrorKind`], and the status inside.
#[cfg_attr(docsrs, doc(cfg(feature = "std")))]
impl From<GrantStatus> for io::Error {
    fn from(status: GrantStatus) -> Self {
        let kind = match status.0 {
            -8 => io::ErrorKind::PermissionDenied,
            -11..=-2 => io::ErrorKind::InvalidInput,
            -12 => io::ErrorKind::WouldBlock,
            -13 => io::ErrorKind::OutOfMemory,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, status)
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "std")))]
impl Errno {
    /// The nearest [`io::ErrorKind`], on any operating system.
    #[must_use]
    pub fn kind(self) -> io::ErrorKind {
        match self.name() {
            Some("EPERM" | "EACCES") => io::ErrorKind::PermissionDenied,
            Some("ENOENT") => io::ErrorKind::NotFound,
            Some("EINTR") => io::ErrorKind::Interrupted,
            Some("EAGAIN") => io::ErrorKind::WouldBlock,
            Some("ENOMEM") => io::ErrorKind::OutOfMemory,
            Some("EEXIST") => io::ErrorKind::AlreadyExists,
            Some("EINVAL") => io::ErrorKind::InvalidInput,
            Some("EBUSY") => io::ErrorKind::ResourceBusy,
            Some("EOPNOTSUPP" | "ENOSYS") => io::ErrorKind::Unsupported,
            Some("ETIMEDOUT") => io::ErrorKind::TimedOut,
            _ => io::ErrorKind::Other,
        }
    }
}
