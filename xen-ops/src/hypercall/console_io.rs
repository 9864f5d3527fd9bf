//! `CONSOLEIO_*`: Xen's own console.
//!
//! Upstream: `xen/include/public/xen.h`. The hardware domain and the control domain may use it. Other
//! domains may write if Xen was built for that (`CONFIG_VERBOSE_DEBUG`). Otherwise each operation fails
//! with `EPERM`, before Xen looks at its arguments.

use xen_abi::xen::{__HYPERVISOR_console_io, CONSOLEIO_read, CONSOLEIO_write};

use super::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_console_io(command, count, argument);
    commands CONSOLEIO_*;
    callers pv, hvm, arm, control, hardware as OPERATIONS;

    /// Writes `text`, which needs no 0 byte at the end.
    ///
    /// # Errors
    ///
    /// `EPERM` as above.
    single write(in text: [u8]) -> errno;

    /// Reads input, and returns how many bytes of `buffer` it filled. It does not wait.
    ///
    /// # Errors
    ///
    /// `EPERM` as above, then `E2BIG` for a buffer of 2^31 bytes or more.
    single read(out buffer: [u8]) -> value;
}
