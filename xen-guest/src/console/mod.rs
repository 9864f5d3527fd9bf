//! The console, from the first instruction to a panic.
//!
//! | guest | console |
//! |---|---|
//! | the hardware domain, or any under a Xen built for debugging | Xen's own: [`XenConsole`] |
//! | a domain that a toolstack started | a ring in shared memory: [`RingConsole`] |
//! | HVM and PVH, without another | Xen's emergency port 0xe9: [`EmergencyPort`], x86 only |
//!
//! [`Console`] is whichever the domain has. [`println!`](crate::println!) writes a line to it.

mod ring;

use core::fmt::{self, Write};

use xen_ops::hypercall::console_io;

pub use ring::{RingConsole, attach, attach_by_parameters, rebind};

use crate::backend::{self, Backend};

/// Bytes that Xen writes in one go: longer lines could have its own in their midst.
const LINE: usize = 120;

/// The domain's console.
#[derive(Debug)]
pub enum Console {
    /// The ring that was attached.
    Ring(RingConsole),
    /// Xen's own.
    Xen(XenConsole),
    /// There is no way to the hypervisor yet: what is written is lost.
    None,
}

impl Console {
    /// The console that the domain has now.
    #[must_use]
    pub fn current() -> Self {
        match (RingConsole::current(), backend::current()) {
            (Some(ring), _) => Self::Ring(ring),
            (None, Some(xen)) => Self::Xen(XenConsole(xen)),
            (None, None) => Self::None,
        }
    }

    fn write_bytes(&mut self, bytes: &[u8]) {
        match self {
            Self::Ring(ring) => ring.write_bytes(bytes),
            Self::Xen(xen) => xen.write_bytes(bytes),
            Self::None => {}
        }
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write_bytes(text.as_bytes());
        Ok(())
    }
}

/// Xen's own console, by `CONSOLEIO_write`.
#[derive(Clone, Copy, Debug)]
pub struct XenConsole(Backend);

impl XenConsole {
    /// Xen's console, through this backend.
    #[must_use]
    pub const fn new(xen: Backend) -> Self {
        Self(xen)
    }

    fn write_bytes(&mut self, bytes: &[u8]) {
        // A domain that Xen refuses has no console: there is no other place to say so.
        let _ = console_io::write(&self.0, bytes);
    }
}

impl Write for XenConsole {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write_bytes(text.as_bytes());
        Ok(())
    }
}

/// Port 0xe9, which Xen's log takes from HVM and PVH guests: one line at a time, if its command line has
/// `guest_loglvl=all`.
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
#[derive(Clone, Copy, Debug)]
pub struct EmergencyPort(());

#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
#[allow(unsafe_code, reason = "writes to a port")]
impl EmergencyPort {
    /// The port.
    ///
    /// # Safety
    ///
    /// The code runs in ring 0 of an HVM or PVH guest. Elsewhere the port may be another device's, and a
    /// PV guest gets a fault.
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self(())
    }
}

#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
#[allow(unsafe_code, reason = "writes to a port")]
impl Write for EmergencyPort {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // SAFETY: `new`'s promise: Xen takes the byte.
            unsafe {
                core::arch::asm!("out 0xe9, al", in("al") byte, options(nomem, nostack));
            }
        }
        Ok(())
    }
}

/// One line, written when it is whole.
struct Line {
    bytes: [u8; LINE],
    length: usize,
}

impl Line {
    /// The line's bytes, with its end.
    fn new(text: fmt::Arguments<'_>) -> Self {
        let mut line = Self { bytes: [0; LINE], length: 0 };
        // Writing to memory does not fail, and a Display that does would cut the line off.
        let _ = line.write_fmt(text);
        line.bytes[line.length] = b'\n';
        line.length += 1;
        line
    }
}

impl Write for Line {
    /// What is too long is cut off.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // The last byte is for the line's end.
        let free = self.bytes[..LINE - 1].iter_mut().skip(self.length);
        self.length += free.zip(text.bytes()).map(|(to, byte)| *to = byte).count();
        Ok(())
    }
}

/// Writes a line in one piece: no line of Xen's or of another domain's comes into its midst. What exceeds
/// 119 bytes is cut off.
pub fn write_line(text: fmt::Arguments<'_>) {
    let line = Line::new(text);
    Console::current().write_bytes(&line.bytes[..line.length]);
}

/// Waits until what was written has been read, if the console is a ring.
pub fn flush() {
    if let Some(ring) = RingConsole::current() {
        ring.flush();
    }
}

/// Writes a line to the domain's console, as [`console::write_line`](write_line) does.
///
/// ```no_run
/// xen_guest::println!("hello from domain {}", 1);
/// ```
#[macro_export]
macro_rules! println {
    ($($arguments:tt)*) => { $crate::console::write_line(::core::format_args!($($arguments)*)) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_one_end_and_is_cut_off() {
        let long = "x".repeat(2 * LINE);
        for (text, length) in [("", 1), ("abc", 4), (&long, LINE)] {
            let line = Line::new(format_args!("{text}"));
            assert_eq!(line.length, length);
            assert_eq!(
                line.bytes[..length].iter().position(|byte| *byte == b'\n'),
                Some(length - 1)
            );
        }
    }

    #[test]
    fn a_line_of_many_pieces_is_cut_off_too() {
        let line = Line::new(format_args!("{}{}{}", "y".repeat(100), "z".repeat(18), "abc"));
        assert_eq!(&line.bytes[117..], b"za\n");
    }

    #[test]
    fn without_a_hypervisor_a_line_is_lost() {
        write_line(format_args!("lost"));
        assert!(matches!(Console::current(), Console::None));
    }
}
