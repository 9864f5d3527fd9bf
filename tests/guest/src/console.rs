//! Lines on the console: the domain's own if it has one, else Xen's.

#![allow(unsafe_code, reason = "a hypercall that reads a text")]

use core::fmt::{self, Write};

use xen_abi::xen::{__HYPERVISOR_console_io, CONSOLEIO_write};
use xen_ops::hypercall::Hypercall;

use crate::entry::xen;
use crate::ring::ring;

/// Bytes that Xen writes in one go: longer lines could have its own in their midst.
const LINE: usize = 120;

/// One line, written when it is whole.
struct Line {
    bytes: [u8; LINE],
    length: usize,
}

impl Write for Line {
    /// What is too long is cut off.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // The last byte is for the line's end.
        let room = self.bytes[..LINE - 1].iter_mut().skip(self.length);
        self.length += room.zip(text.bytes()).map(|(to, byte)| *to = byte).count();
        Ok(())
    }
}

/// Writes a line.
pub(crate) fn write(text: fmt::Arguments<'_>) {
    let mut line = Line { bytes: [0; LINE], length: 0 };
    // Writing into memory does not fail, and a Display that does would cut the line off.
    let _ = line.write_fmt(text);
    line.bytes[line.length] = b'\n';
    let bytes = &line.bytes[..=line.length];
    match ring() {
        Some(ring) => ring.write(bytes),
        None => write_to_xen(bytes),
    }
}

/// Waits until what was written has arrived.
pub(crate) fn flush() {
    if let Some(ring) = ring() {
        ring.flush();
    }
}

/// What the first domain may do; others only where Xen was built for debugging.
fn write_to_xen(bytes: &[u8]) {
    let at = bytes.as_ptr().expose_provenance();
    // SAFETY: Xen reads the bytes.
    unsafe {
        xen().call3(__HYPERVISOR_console_io, [CONSOLEIO_write as usize, bytes.len(), at]);
    }
}
