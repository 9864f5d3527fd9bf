//! What a driver needs of an event channel.

use core::time::Duration;

/// An event channel, as the program that uses it sends and receives events.
pub trait EventChannel {
    /// Why it failed.
    type Error: core::error::Error;

    /// Sends an event to the other side.
    ///
    /// # Errors
    ///
    /// The channel's own.
    fn notify(&self) -> Result<(), Self::Error>;

    /// Waits for an event. An event that came since the last wait counts, so that none is missed. Returns
    /// false after `timeout`. It may return early.
    ///
    /// # Errors
    ///
    /// The channel's own.
    fn wait(&self, timeout: Option<Duration>) -> Result<bool, Self::Error>;
}
