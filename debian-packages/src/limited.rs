//! Bounds on what an archive may unpack to, so that a small hostile one fills neither memory nor disk.

use std::io::{self, Read, Write};

/// The most bytes that one file of a package may have: more than any hypervisor or kernel takes.
pub(crate) const FILE: u64 = 128 << 20;

/// The most bytes that an archive may unpack to: several times Debian's largest kernel package.
pub(crate) const ARCHIVE: u64 = 2 << 30;

/// The most entries of an archive: many times those of a kernel's sources.
pub(crate) const ENTRIES: usize = 1 << 20;

/// The most bytes of a path in an archive: the system takes no longer ones.
pub(crate) const PATH: u64 = 4096;

/// A reader that fails once it has given more than its limit.
pub(crate) struct Limited<R> {
    inner: R,
    limit: u64,
    left: u64,
}

impl<R> Limited<R> {
    pub(crate) fn new(inner: R, limit: u64) -> Self {
        Self { inner, limit, left: limit }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // One byte more than is left tells a longer stream from one that ends at the limit.
        let most = usize::try_from(self.left.saturating_add(1)).unwrap_or(usize::MAX);
        let most = most.min(buffer.len());
        let count = self.inner.read(&mut buffer[..most])?;
        self.left =
            self.left.checked_sub(count as u64).ok_or_else(|| too_large("it", self.limit))?;
        Ok(count)
    }
}

/// Copies `from`, which may give `limit` bytes; `what` is for the error.
pub(crate) fn copy(
    from: &mut dyn Read,
    to: &mut dyn Write,
    what: &str,
    limit: u64,
) -> io::Result<()> {
    let copied = io::copy(&mut from.take(limit.saturating_add(1)), to)?;
    if copied > limit { Err(too_large(what, limit)) } else { Ok(()) }
}

fn too_large(what: &str, limit: u64) -> io::Error {
    io::Error::other(format!("{what} unpacks to more than {limit} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_itself_is_allowed() {
        let read = |limit| Limited::new(&b"12345"[..], limit).read_to_end(&mut Vec::new());
        assert_eq!(read(5).unwrap(), 5);
        assert_eq!(read(6).unwrap(), 5);
        assert!(read(4).unwrap_err().to_string().contains("more than 4 bytes"));
        assert!(read(0).is_err());
        let copied = |limit| copy(&mut &b"12345"[..], &mut Vec::new(), "x", limit);
        copied(5).unwrap();
        assert!(copied(4).unwrap_err().to_string().contains("x unpacks to more"));
    }
}
