//! What Xen has printed, which control domains can read.

use std::collections::VecDeque;

use crate::config::Release;

/// How many bytes are kept, unless Xen's command line says otherwise.
const SIZE: usize = 16 << 10;

/// The newest bytes of all that Xen has printed. A byte's index is the number of bytes before it, modulo 2^32.
#[derive(Debug)]
pub(crate) struct ConsoleRing {
    bytes: VecDeque<u8>,
    end: u32,
}

impl ConsoleRing {
    /// The ring of a machine that has just started.
    pub(crate) fn new(release: Release) -> Self {
        let mut ring = Self { bytes: VecDeque::new(), end: 0 };
        let (major, minor) = release.number();
        ring.print(&format!("(XEN) Xen version {major}.{minor}.0-sim\n"));
        ring
    }

    pub(crate) fn print(&mut self, text: &str) {
        self.bytes.extend(text.bytes());
        self.bytes.drain(..self.bytes.len().saturating_sub(SIZE));
        self.end = self.end.wrapping_add(text.len() as u32);
    }

    /// At most `max` bytes, and the index after them: from the oldest, or from the index at which an earlier
    /// read ended, if the bytes there are still kept.
    pub(crate) fn read(&self, from: Option<u32>, max: usize) -> (Vec<u8>, u32) {
        let start = self.start();
        let skip = from.map_or(0, |from| from.wrapping_sub(start) as usize);
        let skip = if skip <= self.bytes.len() { skip } else { 0 };
        let bytes: Vec<u8> = self.bytes.iter().skip(skip).take(max).copied().collect();
        let next = start.wrapping_add((skip + bytes.len()) as u32);
        (bytes, next)
    }

    /// Drops the bytes before `index`, which a read has returned.
    pub(crate) fn clear_to(&mut self, index: u32) {
        let count = index.wrapping_sub(self.start()) as usize;
        self.bytes.drain(..count.min(self.bytes.len()));
    }

    fn start(&self) -> u32 {
        self.end.wrapping_sub(self.bytes.len() as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_bytes_are_kept() {
        let mut ring = ConsoleRing::new(Release::V4_20);
        let (banner, next) = ring.read(None, usize::MAX);
        assert!(banner.starts_with(b"(XEN) Xen version 4.20"));
        assert_eq!(next as usize, banner.len());
        ring.print(&"a".repeat(SIZE - 1));
        ring.print("bc");
        let (all, end) = ring.read(None, usize::MAX);
        assert_eq!((all.len(), all[SIZE - 2..].to_vec()), (SIZE, b"bc".to_vec()));
        // The index after the banner is one of a byte that is gone.
        assert_eq!(ring.read(Some(next), usize::MAX).0, all);
        assert_eq!(ring.read(Some(end - 1), usize::MAX), (b"c".to_vec(), end));
        assert_eq!(ring.read(Some(end), usize::MAX), (Vec::new(), end));
        // Nor is there one beyond the end.
        assert_eq!(ring.read(Some(end + 1), usize::MAX).0, all);
    }

    #[test]
    fn indices_wrap() {
        let mut ring = ConsoleRing { bytes: VecDeque::new(), end: u32::MAX - 1 };
        ring.print("abcd");
        let (bytes, next) = ring.read(None, 3);
        assert_eq!((bytes.as_slice(), next), (&b"abc"[..], 1));
        assert_eq!(ring.read(Some(next), 3), (b"d".to_vec(), 2));
        ring.clear_to(next);
        assert_eq!(ring.read(None, 3), (b"d".to_vec(), 2));
    }
}
