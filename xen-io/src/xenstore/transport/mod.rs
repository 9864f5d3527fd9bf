//! How a client's bytes reach xenstored.

use core::time::Duration;

#[cfg(all(feature = "std", unix))]
mod descriptor;
mod ring;

#[cfg(all(feature = "std", unix))]
pub use descriptor::{DEVICE, Descriptor, DescriptorError, SOCKET, open};
pub use ring::{RingError, RingTransport, ServerError};

/// A stream of bytes to and from xenstored.
///
/// [`send`](Self::send) and [`receive`](Self::receive) do what is possible now; one that blocks instead
/// works too, but then no time limit is kept.
pub trait Transport {
    /// Why it failed. The connection is of no more use, unless the transport says otherwise.
    type Error: core::error::Error;

    /// Sends some of `bytes`, and returns how many: 0 if none can be sent now.
    ///
    /// # Errors
    ///
    /// The transport's own.
    fn send(&mut self, bytes: &[u8]) -> Result<usize, Self::Error>;

    /// Receives up to as many bytes as `into` has, and returns how many: 0 if there are none now. The end
    /// of the stream is an error.
    ///
    /// # Errors
    ///
    /// The transport's own.
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, Self::Error>;

    /// Waits until bytes can be received or, if `sending`, sent. Returns false after `timeout`; without
    /// one it waits as long as it takes. It may return early.
    ///
    /// # Errors
    ///
    /// The transport's own.
    fn wait(&mut self, sending: bool, timeout: Option<Duration>) -> Result<bool, Self::Error>;
}

impl<T: Transport + ?Sized> Transport for &mut T {
    type Error = T::Error;

    fn send(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        (**self).send(bytes)
    }

    fn receive(&mut self, into: &mut [u8]) -> Result<usize, Self::Error> {
        (**self).receive(into)
    }

    fn wait(&mut self, sending: bool, timeout: Option<Duration>) -> Result<bool, Self::Error> {
        (**self).wait(sending, timeout)
    }
}
