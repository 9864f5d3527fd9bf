//! What a driver needs of an event channel.

use core::time::Duration;

/// An event channel, as the program that uses it sends and receives events.
///
/// A driver's main loop is written for this trait, and is the same text in a kernel (xen-guest), on Linux
/// (xen-linux) and in the simulator (xen-sim): each has a type `Channel` that implements it.
///
/// ```
/// # use std::time::Duration;
/// # use xen_sim::{Channel, DomainConfig, GuestKind, Xen};
/// use xen_ops::events::{EventChannel, Port};
///
/// /// Answers each event of the other side, until none comes for a while.
/// fn serve<C: EventChannel>(channel: &C) -> Result<u32, C::Error> {
///     let mut served = 0;
///     while channel.wait(Some(Duration::from_millis(10)))? {
///         served += 1;
///         channel.notify()?;
///     }
///     Ok(served)
/// }
/// # let machine = Xen::new();
/// # let [alice, bob] = [machine.domain(DomainConfig::new(GuestKind::Pvh))?, machine.domain(DomainConfig::new(GuestKind::Pvh))?];
/// # let offered = Port::alloc_unbound(&alice, bob.domid())?;
/// # let bound = Port::bind_interdomain(&bob, alice.domid(), offered.number())?;
/// # let channel = Channel::of(&alice, &offered);
/// # let peer = Channel::of(&bob, &bound);
/// peer.notify()?;
/// assert_eq!(serve(&channel)?, 1);
/// assert!(peer.wait(None)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

impl<C: EventChannel + ?Sized> EventChannel for &C {
    type Error = C::Error;

    fn notify(&self) -> Result<(), Self::Error> {
        (**self).notify()
    }

    fn wait(&self, timeout: Option<Duration>) -> Result<bool, Self::Error> {
        (**self).wait(timeout)
    }
}
