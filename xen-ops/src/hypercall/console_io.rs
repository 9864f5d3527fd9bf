//! `CONSOLEIO_*`: Xen's own console.
//!
//! Upstream: `xen/include/public/xen.h`. The hardware domain may use it. Other domains may write if Xen
//! was built for that; `EPERM` otherwise.

use xen_abi::xen::{__HYPERVISOR_console_io, CONSOLEIO_read, CONSOLEIO_write};

use super::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_console_io(command, count, argument);
    commands CONSOLEIO_*;

    /// Writes `text`, which needs no 0 byte at the end.
    single write(in text: [u8]) -> errno;

    /// Reads input, and returns how many bytes of `buffer` it filled. It does not wait. `E2BIG`
    /// for a buffer of 2^31 bytes or more.
    single read(out buffer: [u8]) -> value;
}
