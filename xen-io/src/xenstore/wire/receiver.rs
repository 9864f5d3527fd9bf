//! Messages from a stream of bytes.

use core::fmt;

use xen_ops::xen_abi::io::xs_wire::xsd_sockmsg;

use super::{HEADER_SIZE, MESSAGE_MAX, PAYLOAD_MAX, header_from_bytes};

/// Puts messages together from a stream of bytes, in a buffer of its own of [`MESSAGE_MAX`] bytes.
///
/// Bytes are either copied in by [`feed`](Self::feed), or read to [`space`](Self::space) and announced by
/// [`received`](Self::received). A complete [`message`](Self::message) stays until
/// [`next`](Self::next).
#[derive(Clone)]
pub struct Receiver {
    buffer: [u8; MESSAGE_MAX],
    filled: usize,
}

/// A complete message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The header. Its `len` is that of the payload.
    pub header: xsd_sockmsg,
    /// The payload.
    pub payload: &'a [u8],
}

/// A header announces more than [`PAYLOAD_MAX`] bytes. What follows in the stream has no meaning any more:
/// close or reset the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadTooLong {
    /// The length in the header.
    pub length: u32,
}

impl Receiver {
    /// A receiver at the start of a message.
    #[must_use]
    pub const fn new() -> Self {
        Self { buffer: [0; MESSAGE_MAX], filled: 0 }
    }

    /// The header, once all of it has arrived.
    fn header(&self) -> Option<xsd_sockmsg> {
        if self.filled < HEADER_SIZE {
            return None;
        }
        self.buffer.first_chunk().copied().map(header_from_bytes)
    }

    /// Where the next bytes belong: the rest of the header, or of the payload. Empty when a message is
    /// complete.
    pub fn space(&mut self) -> &mut [u8] {
        let end = match self.header() {
            // `received` has checked the length.
            Some(header) => HEADER_SIZE + header.len as usize,
            None => HEADER_SIZE,
        };
        self.buffer.get_mut(self.filled..end).unwrap_or_default()
    }

    /// Announces `count` bytes that were written to the start of [`space`](Self::space). More than it has
    /// are ignored.
    ///
    /// # Errors
    ///
    /// [`PayloadTooLong`] if they complete a header with such a length. Then the receiver is at the start
    /// of a message again.
    pub fn received(&mut self, count: usize) -> Result<(), PayloadTooLong> {
        let count = count.min(self.space().len());
        let in_header = self.filled < HEADER_SIZE;
        self.filled += count;
        match self.header() {
            Some(header) if in_header && header.len as usize > PAYLOAD_MAX => {
                self.filled = 0;
                Err(PayloadTooLong { length: header.len })
            }
            _ => Ok(()),
        }
    }

    /// Copies bytes of a stream in, until a message is complete. Returns how many were used.
    ///
    /// # Errors
    ///
    /// As [`received`](Self::received).
    pub fn feed(&mut self, bytes: &[u8]) -> Result<usize, PayloadTooLong> {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let space = self.space();
            let count = space.len().min(rest.len());
            if count == 0 {
                return Ok(used);
            }
            space[..count].copy_from_slice(&rest[..count]);
            used += count;
            self.received(count)?;
        }
    }

    /// The message, if it is complete.
    #[must_use]
    pub fn message(&self) -> Option<Message<'_>> {
        let header = self.header()?;
        let end = HEADER_SIZE + header.len as usize;
        if self.filled < end {
            return None;
        }
        Some(Message { header, payload: self.buffer.get(HEADER_SIZE..end)? })
    }

    /// Discards what was received, complete or not, and begins a new message.
    pub fn next(&mut self) {
        self.filled = 0;
    }
}

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Receiver");
        debug.field("filled", &self.filled).field("header", &self.header()).finish()
    }
}

impl fmt::Display for PayloadTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.length;
        write!(f, "a message of {length} bytes, of which there may be {PAYLOAD_MAX}: reconnect")
    }
}

impl core::error::Error for PayloadTooLong {}
