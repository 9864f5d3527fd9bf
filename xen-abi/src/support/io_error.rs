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
            _ => Self::new(kind(errno), errno),
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

/// The kind for a number of Xen's, on any operating system.
fn kind(errno: Errno) -> io::ErrorKind {
    match errno.name() {
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

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::ToString as _;

    use super::*;

    #[test]
    fn error_numbers_are_linux_s() {
        // Kinds that Linux's numbers have in the standard library, so a wrong number shows.
        for number in 1..=111 {
            let errno = Errno(number);
            if kind(errno) != io::ErrorKind::Other && cfg!(target_os = "linux") {
                assert_eq!(io::Error::from(errno).kind(), kind(errno), "{errno:?}");
            }
        }
        assert_eq!(io::Error::from(Errno(u32::MAX)).to_string(), format!("{}", Errno(u32::MAX)));
    }

    #[test]
    fn a_status_stays_inside() {
        use crate::grant_table::{GNTST_bad_gntref, GNTST_eagain, GNTST_permission_denied};
        let error = io::Error::from(GNTST_eagain);
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(error.into_inner().unwrap().to_string(), GNTST_eagain.to_string());
        let kind = |status| io::Error::from(status).kind();
        assert_eq!(kind(GNTST_permission_denied), io::ErrorKind::PermissionDenied);
        assert_eq!(kind(GNTST_bad_gntref), io::ErrorKind::InvalidInput);
        assert_eq!(kind(GrantStatus(7)), io::ErrorKind::Other);
    }
}
