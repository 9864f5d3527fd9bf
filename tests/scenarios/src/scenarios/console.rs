//! `console_io`, as a control domain may use it.

#![allow(unsafe_code, reason = "hypercalls without a typed wrapper")]

use xen_abi::xen::{__HYPERVISOR_console_io, CONSOLEIO_read, CONSOLEIO_write};

use crate::{Guest, Run};

pub(crate) fn console<G: Guest>(run: &mut Run<'_, G>) {
    let bad = run.guest.bad_address();
    let (read, write) = (CONSOLEIO_read as usize, CONSOLEIO_write as usize);
    let text = b"console\n";
    let mut buffer = [0_u8; 8];
    let at = buffer.as_mut_ptr().expose_provenance();
    // SAFETY: Xen reads the text, writes the buffer, and finds out that the rest is nowhere.
    unsafe {
        let address = text.as_ptr().expose_provenance();
        run.raw("write", __HYPERVISOR_console_io, [write, text.len(), address]);
        run.raw("write, no bytes", __HYPERVISOR_console_io, [write, 0, bad]);
        run.raw("write, bad address", __HYPERVISOR_console_io, [write, 8, bad]);
        run.raw("read, nothing typed", __HYPERVISOR_console_io, [read, buffer.len(), at]);
        run.raw("unknown command", __HYPERVISOR_console_io, [99, 0, 0]);
    }
}
