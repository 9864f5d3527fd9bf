//! `CONSOLEIO_*`: Xen's own console.
//!
//! Upstream: `xen/include/public/xen.h`. Xen lets the hardware domain use it, and others to write if it
//! was built for that; `EPERM` otherwise.

use xen_abi::xen::{__HYPERVISOR_console_io, CONSOLEIO_read, CONSOLEIO_write};

use super::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_console_io(command, count, argument);
    commands CONSOLEIO_*;

    /// Writes `text`, bytes that no 0 need end.
    single write(in text: [u8]) -> errno;

    /// Reads what was typed, and returns how many bytes of `buffer` that is. It does not wait. `E2BIG`
    /// for a buffer of 2^31 bytes or more.
    single read(out buffer: [u8]) -> value;
}
