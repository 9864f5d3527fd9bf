//! Streams that wait: the traits of `embedded-io` and of the standard library.

use core::fmt;

use super::{Stream, Transfer, Vchan};
use crate::EventChannel;
use crate::error::BadIndex;
use crate::pages::Pages;

/// A stream of bytes that does not wait: [`Stream`] and [`Vchan`].
pub trait ByteStream {
    /// Reads as many bytes as there are, at most the length of `to`.
    ///
    /// # Errors
    ///
    /// [`BadIndex`] if the peer's index is not possible.
    fn read(&mut self, to: &mut [u8]) -> Result<Transfer, BadIndex>;

    /// Writes as many bytes as there is space for, at most all.
    ///
    /// # Errors
    ///
    /// [`BadIndex`] if the peer's index is not possible.
    fn write(&mut self, from: &[u8]) -> Result<Transfer, BadIndex>;

    /// Whether there is data to read. If not, the peer will notify when there is.
    ///
    /// # Errors
    ///
    /// [`BadIndex`] if the peer's index is not possible.
    fn final_check_for_data(&mut self) -> Result<bool, BadIndex>;

    /// Whether there is space to write. If not, the peer will notify when there is.
    ///
    /// # Errors
    ///
    /// [`BadIndex`] if the peer's index is not possible.
    fn final_check_for_space(&mut self) -> Result<bool, BadIndex>;

    /// Whether the peer is gone, so that waiting for it is in vain.
    fn is_closed(&self) -> bool;
}

impl<M: Pages> ByteStream for Stream<M> {
    fn read(&mut self, to: &mut [u8]) -> Result<Transfer, BadIndex> {
        Self::read(self, to)
    }

    fn write(&mut self, from: &[u8]) -> Result<Transfer, BadIndex> {
        Self::write(self, from)
    }

    fn final_check_for_data(&mut self) -> Result<bool, BadIndex> {
        Ok(self.available()? > 0)
    }

    fn final_check_for_space(&mut self) -> Result<bool, BadIndex> {
        Ok(self.free()? > 0)
    }

    fn is_closed(&self) -> bool {
        false
    }
}

impl<M: Pages> ByteStream for Vchan<M> {
    fn read(&mut self, to: &mut [u8]) -> Result<Transfer, BadIndex> {
        Self::read(self, to)
    }

    fn write(&mut self, from: &[u8]) -> Result<Transfer, BadIndex> {
        Self::write(self, from)
    }

    fn final_check_for_data(&mut self) -> Result<bool, BadIndex> {
        Self::final_check_for_data(self)
    }

    fn final_check_for_space(&mut self) -> Result<bool, BadIndex> {
        Self::final_check_for_space(self)
    }

    fn is_closed(&self) -> bool {
        self.is_open() == Some(false)
    }
}

/// Why a stream that waits failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamError<E> {
    /// The peer's index is not possible.
    Index(BadIndex),
    /// The event channel failed.
    Events(E),
    /// The peer is gone: what was to be written cannot be, or what was to be read does not come.
    Closed,
}

impl<E> From<BadIndex> for StreamError<E> {
    fn from(error: BadIndex) -> Self {
        Self::Index(error)
    }
}

impl<E: fmt::Display> fmt::Display for StreamError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(error) => error.fmt(f),
            Self::Events(error) => error.fmt(f),
            Self::Closed => f.write_str("the peer is gone: open a new stream"),
        }
    }
}

impl<E: core::error::Error> core::error::Error for StreamError<E> {}

/// A stream that waits for its peer.
#[derive(Debug)]
pub struct Blocking<S, E> {
    stream: S,
    events: E,
}

impl<S: ByteStream, E: EventChannel> Blocking<S, E> {
    /// The stream `stream`, whose peer is notified and waited for through `events`.
    pub const fn new(stream: S, events: E) -> Self {
        Self { stream, events }
    }

    /// The stream and its event channel.
    #[must_use]
    pub fn into_parts(self) -> (S, E) {
        (self.stream, self.events)
    }

    /// Reads at least one byte, unless `to` is empty or the peer is gone. Then it returns 0.
    ///
    /// # Errors
    ///
    /// [`StreamError`], but not [`StreamError::Closed`].
    pub fn read(&mut self, to: &mut [u8]) -> Result<usize, StreamError<E::Error>> {
        loop {
            let transfer = self.stream.read(to)?;
            if self.settle(transfer)? || to.is_empty() {
                return Ok(transfer.bytes);
            }
            // What the peer wrote before it left is read first.
            let is_closed = self.stream.is_closed();
            if !self.stream.final_check_for_data()? {
                if is_closed {
                    return Ok(0);
                }
                self.events.wait(None).map_err(StreamError::Events)?;
            }
        }
    }

    /// Writes at least one byte, unless `from` is empty.
    ///
    /// # Errors
    ///
    /// [`StreamError`].
    pub fn write(&mut self, from: &[u8]) -> Result<usize, StreamError<E::Error>> {
        loop {
            if self.stream.is_closed() {
                return Err(StreamError::Closed);
            }
            let transfer = self.stream.write(from)?;
            if self.settle(transfer)? || from.is_empty() {
                return Ok(transfer.bytes);
            }
            if !self.stream.final_check_for_space()? && !self.stream.is_closed() {
                self.events.wait(None).map_err(StreamError::Events)?;
            }
        }
    }

    /// Writes all bytes.
    ///
    /// # Errors
    ///
    /// [`StreamError`]. Some of the bytes may have been written.
    pub fn write_all(&mut self, mut from: &[u8]) -> Result<(), StreamError<E::Error>> {
        while !from.is_empty() {
            let written = self.write(from)?;
            from = from.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// Reads until `to` is full.
    ///
    /// # Errors
    ///
    /// [`StreamError`]; [`StreamError::Closed`] if the peer leaves before. Some of the bytes may have been read.
    pub fn read_exact(&mut self, mut to: &mut [u8]) -> Result<(), StreamError<E::Error>> {
        while !to.is_empty() {
            let read = self.read(to)?;
            if read == 0 {
                return Err(StreamError::Closed);
            }
            to = to.get_mut(read..).unwrap_or_default();
        }
        Ok(())
    }

    /// Notifies the peer if it is to be, and returns whether bytes were copied.
    fn settle(&mut self, transfer: Transfer) -> Result<bool, StreamError<E::Error>> {
        if transfer.notify {
            self.events.notify().map_err(StreamError::Events)?;
        }
        Ok(transfer.bytes > 0)
    }
}

#[cfg(feature = "embedded-io")]
mod embedded {
    use embedded_io::{Error, ErrorKind, ErrorType, Read, ReadReady, Write, WriteReady};

    use super::{Blocking, ByteStream, EventChannel, StreamError};

    impl<E: core::error::Error> Error for StreamError<E> {
        fn kind(&self) -> ErrorKind {
            match self {
                Self::Index(_) => ErrorKind::InvalidData,
                Self::Events(_) => ErrorKind::Other,
                Self::Closed => ErrorKind::BrokenPipe,
            }
        }
    }

    #[cfg_attr(docsrs, doc(cfg(feature = "embedded-io")))]
    impl<S: ByteStream, E: EventChannel> ErrorType for Blocking<S, E> {
        type Error = StreamError<E::Error>;
    }

    #[cfg_attr(docsrs, doc(cfg(feature = "embedded-io")))]
    impl<S: ByteStream, E: EventChannel> Read for Blocking<S, E> {
        fn read(&mut self, to: &mut [u8]) -> Result<usize, Self::Error> {
            Self::read(self, to)
        }
    }

    #[cfg_attr(docsrs, doc(cfg(feature = "embedded-io")))]
    impl<S: ByteStream, E: EventChannel> ReadReady for Blocking<S, E> {
        fn read_ready(&mut self) -> Result<bool, Self::Error> {
            Ok(self.stream.final_check_for_data()? || self.stream.is_closed())
        }
    }

    #[cfg_attr(docsrs, doc(cfg(feature = "embedded-io")))]
    impl<S: ByteStream, E: EventChannel> Write for Blocking<S, E> {
        fn write(&mut self, from: &[u8]) -> Result<usize, Self::Error> {
            Self::write(self, from)
        }

        /// Does nothing: what was written is in the ring, where the peer sees it.
        fn flush(&mut self) -> Result<(), Self::Error> {
            Ok(())
        }
    }

    #[cfg_attr(docsrs, doc(cfg(feature = "embedded-io")))]
    impl<S: ByteStream, E: EventChannel> WriteReady for Blocking<S, E> {
        fn write_ready(&mut self) -> Result<bool, Self::Error> {
            Ok(self.stream.final_check_for_space()? || self.stream.is_closed())
        }
    }
}

#[cfg(feature = "std")]
mod standard {
    use std::io::{Error, ErrorKind, Read, Result, Write};

    use super::{Blocking, ByteStream, EventChannel, StreamError};

    impl<E: core::error::Error + Send + Sync + 'static> From<StreamError<E>> for Error {
        fn from(error: StreamError<E>) -> Self {
            let kind = match error {
                StreamError::Index(_) => ErrorKind::InvalidData,
                StreamError::Events(_) => ErrorKind::Other,
                StreamError::Closed => ErrorKind::BrokenPipe,
            };
            Self::new(kind, error)
        }
    }

    #[cfg_attr(docsrs, doc(cfg(feature = "std")))]
    impl<S: ByteStream, E: EventChannel<Error: Send + Sync + 'static>> Read for Blocking<S, E> {
        fn read(&mut self, to: &mut [u8]) -> Result<usize> {
            Ok(Self::read(self, to)?)
        }
    }

    #[cfg_attr(docsrs, doc(cfg(feature = "std")))]
    impl<S: ByteStream, E: EventChannel<Error: Send + Sync + 'static>> Write for Blocking<S, E> {
        fn write(&mut self, from: &[u8]) -> Result<usize> {
            Ok(Self::write(self, from)?)
        }

        /// Does nothing: what was written is in the ring, where the peer sees it.
        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }
}
