//! Lines on Xen's console.

#![allow(unsafe_code, reason = "a hypercall that reads a text")]

use core::fmt::{self, Write};

use xen_abi::xen::{__HYPERVISOR_console_io, CONSOLEIO_write};
use xen_ops::hypercall::Hypercall;

use crate::entry::xen;

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
    let at = line.bytes.as_ptr().expose_provenance();
    // SAFETY: Xen reads the bytes of the line.
    unsafe {
        xen().call3(__HYPERVISOR_console_io, [CONSOLEIO_write as usize, line.length + 1, at]);
    }
}
