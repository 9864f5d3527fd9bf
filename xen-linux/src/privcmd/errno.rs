//! Error numbers of what Linux refused: hypercalls, and mappings of other domains' frames.

use xen_abi::Errno;
use xen_abi::errno::{XEN_EBADF, XEN_ENOSYS};

use crate::{Cause, Error};

/// The process is a child of the one that opened the device.
pub(super) const IN_A_CHILD: Errno = XEN_EBADF;

/// The error number. Linux's numbers are Xen's, where Xen has them.
pub(super) fn of(error: &Error) -> Errno {
    match error.cause() {
        Cause::Errno(errno) | Cause::Frame { errno, .. } => {
            Errno(errno.raw_os_error().unsigned_abs())
        }
        Cause::Forked => IN_A_CHILD,
        // The device does not have the ioctl.
        _ => XEN_ENOSYS,
    }
}
