//! Fields of messages: integers are little-endian, texts have their length before them.

use super::Qid;

/// Bytes before the fields: length, type and tag.
pub(super) const HEADER: usize = 7;

pub(super) const VERSION: u8 = 100;
pub(super) const ATTACH: u8 = 104;
pub(super) const ERROR: u8 = 106;
pub(super) const WALK: u8 = 110;
pub(super) const OPEN: u8 = 112;
pub(super) const CREATE: u8 = 114;
pub(super) const READ: u8 = 116;
pub(super) const WRITE: u8 = 118;
pub(super) const CLUNK: u8 = 120;
pub(super) const REMOVE: u8 = 122;
pub(super) const STAT: u8 = 124;

/// A message in the making.
pub(super) struct Encoder<'b> {
    buffer: &'b mut [u8],
    /// Bytes that were wanted, which may be more than the buffer has.
    used: usize,
}

impl<'b> Encoder<'b> {
    /// A message in this buffer, without its header.
    pub(super) fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, used: HEADER }
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let end = self.used.saturating_add(bytes.len());
        if let Some(place) = self.buffer.get_mut(self.used..end) {
            place.copy_from_slice(bytes);
        }
        self.used = end;
        self
    }

    pub(super) fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    pub(super) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(super) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(super) fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        match u16::try_from(text.len()) {
            Ok(length) => self.u16(length).bytes(text.as_bytes()),
            Err(_) => {
                self.used = usize::MAX;
                self
            }
        }
    }

    /// The length of the message, whose header is written. `None` if it does not fit the buffer.
    pub(super) fn finish(self, kind: u8, tag: u16) -> Option<usize> {
        let Self { buffer, used } = self;
        let message = buffer.get_mut(..used)?;
        let (length, rest) = message.split_first_chunk_mut()?;
        *length = u32::try_from(used).ok()?.to_le_bytes();
        let (head, rest) = rest.split_first_mut()?;
        *head = kind;
        *rest.first_chunk_mut()? = tag.to_le_bytes();
        Some(used)
    }
}

/// The fields of a message. Every method returns `None` at its end.
pub(super) struct Decoder<'b>(pub(super) &'b [u8]);

impl<'b> Decoder<'b> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn bytes(&mut self, count: usize) -> Option<&'b [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    /// A text, which need not be UTF-8.
    pub(super) fn text(&mut self) -> Option<&'b [u8]> {
        let length = self.u16()?;
        self.bytes(length.into())
    }

    pub(super) fn qid(&mut self) -> Option<Qid> {
        Some(Qid { kind: self.u8()?, version: self.u32()?, path: self.u64()? })
    }

    /// That nothing is left.
    pub(super) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}
