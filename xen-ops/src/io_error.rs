//! Errors of this crate as the standard library's.

use std::io;

use crate::gnttab::copy::CopyError;
use crate::gnttab::map::MapError;
use crate::gnttab::{GrantError, StartError};
use crate::hypercall::{Cause, Error};
use crate::view::{AccessError, Misaligned, OutOfBounds};
use crate::{Failed, InvalidDomainId, memory};

/// As [`Errno`](xen_abi::Errno) or [`GrantStatus`](xen_abi::GrantStatus) is converted. The operation's name is
/// lost, as in an error of the operating system.
#[cfg_attr(docsrs, doc(cfg(feature = "std")))]
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error.cause() {
            Cause::Errno(errno) => errno.into(),
            Cause::Status(status) => status.into(),
            Cause::Unexpected(_) => Self::other(error),
        }
    }
}

/// Of a failure that returns something, which is dropped.
#[cfg_attr(docsrs, doc(cfg(feature = "std")))]
impl<E: Into<Self>, T> From<Failed<E, T>> for io::Error {
    fn from(failed: Failed<E, T>) -> Self {
        failed.error.into()
    }
}

macro_rules! inside {
    ($kind:ident: $($error:ty),*) => {$(
        #[doc = concat!("Of the kind `", stringify!($kind), "`, with the error inside.")]
        #[cfg_attr(docsrs, doc(cfg(feature = "std")))]
        impl From<$error> for io::Error {
            fn from(error: $error) -> Self {
                Self::new(io::ErrorKind::$kind, error)
            }
        }
    )*};
}

inside! { InvalidInput: OutOfBounds, Misaligned, AccessError, InvalidDomainId }
inside! { Other: CopyError, GrantError, MapError, StartError, memory::Error }

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use xen_abi::errno::XEN_EPERM;
    use xen_abi::grant_table::GNTST_eagain;
    use xen_abi::xen::DOMID_SELF;

    use super::*;
    use crate::DomainId;

    #[test]
    fn a_question_mark_converts_each_kind() {
        let kind = |result: io::Result<()>| result.unwrap_err().kind();
        let errno = Error::from_errno("GNTTABOP_copy", XEN_EPERM);
        let status = Error::from_status("GNTTABOP_copy", GNTST_eagain);
        assert_eq!(kind((|| Ok(Err(errno)?))()), io::ErrorKind::PermissionDenied);
        assert_eq!(kind((|| Ok(Err(status)?))()), io::ErrorKind::WouldBlock);
        let failed = Failed::returning(errno, 7);
        assert_eq!(kind((|| Ok(Err(failed)?))()), io::ErrorKind::PermissionDenied);
        let invalid = || Ok(DomainId::new(DOMID_SELF).map(drop)?);
        assert_eq!(kind(invalid()), io::ErrorKind::InvalidInput);
        let unexpected = Error::from_result("GNTTABOP_copy", 3);
        assert_eq!(io::Error::from(unexpected).to_string(), unexpected.to_string());
        let map = MapError::Xen(errno);
        assert_eq!(io::Error::from(map).to_string(), map.to_string());
    }
}
