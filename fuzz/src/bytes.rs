//! Decisions of the other side, from arbitrary bytes.

use std::cell::Cell;

/// Bytes that are consumed one by one. After the last, all are zero.
pub(crate) struct Bytes<'a>(Cell<&'a [u8]>);

impl<'a> Bytes<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(Cell::new(bytes))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.get().is_empty()
    }

    pub(crate) fn byte(&self) -> u8 {
        let (first, rest) = self.0.get().split_first().unwrap_or((&0, &[]));
        self.0.set(rest);
        *first
    }

    /// Any number.
    pub(crate) fn number(&self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// The result of a hypercall: a likely one most of the time.
    pub(crate) fn result(&self) -> isize {
        match self.byte() {
            0..=160 => 0,
            161..=200 => -isize::from(self.byte()),
            201..=230 => isize::from(self.byte()),
            _ => self.number() as isize,
        }
    }

    /// True three times out of four, so that operations also succeed.
    pub(crate) fn is_kind(&self) -> bool {
        self.byte() < 192
    }
}
