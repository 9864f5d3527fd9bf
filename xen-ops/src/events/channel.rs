//! What a driver needs of an event channel, or of several.

use core::time::Duration;

use xen_abi::event_channel::evtchn_port_t;

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

/// Several ports, as a driver that serves all of them waits for their events.
///
/// A kernel (xen-guest), Linux (xen-linux) and the simulator (xen-sim) each have a type `PortSet` that
/// implements it, so that the main loop of such a driver is the same text too.
///
/// ```
/// # use std::time::Duration;
/// # use xen_sim::{DomainConfig, GuestKind, PortSet, Xen};
/// use xen_ops::events::{EventChannelSet, Port};
///
/// /// Answers each event, until none comes for a while.
/// fn serve<S: EventChannelSet>(set: &mut S) -> Result<u32, S::Error> {
///     let mut served = 0;
///     while let Some(port) = set.wait_any(Some(Duration::from_millis(10)))? {
///         served += 1;
///         set.notify(port)?;
///     }
///     Ok(served)
/// }
/// # let machine = Xen::new();
/// # let [alice, bob] = [machine.domain(DomainConfig::new(GuestKind::Pvh))?, machine.domain(DomainConfig::new(GuestKind::Pvh))?];
/// # let (mut set, mut offers, mut peers) = (PortSet::new(&alice), Vec::new(), Vec::new());
/// # for _ in 0..2 {
/// #     let offered = Port::alloc_unbound(&alice, bob.domid())?;
/// #     peers.push(Port::bind_interdomain(&bob, alice.domid(), offered.number())?);
/// #     set.add(offered.number());
/// #     offers.push(offered);
/// # }
/// peers[1].notify()?;
/// peers[0].notify()?;
/// assert_eq!(serve(&mut set)?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait EventChannelSet {
    /// Why it failed.
    type Error: core::error::Error;

    /// Sends an event to the other side of a port.
    ///
    /// # Errors
    ///
    /// The set's own.
    fn notify(&self, port: evtchn_port_t) -> Result<(), Self::Error>;

    /// Waits for an event of any port, and returns that port; `None` after `timeout`.
    ///
    /// An event that came since its port was returned last counts, so that none is missed: the caller looks
    /// for work after this returns. Several events of a port that came meanwhile are one. A port whose
    /// events come all the time does not keep the others from being returned.
    ///
    /// # Errors
    ///
    /// The set's own.
    fn wait_any(&mut self, timeout: Option<Duration>)
    -> Result<Option<evtchn_port_t>, Self::Error>;
}

impl<S: EventChannelSet + ?Sized> EventChannelSet for &mut S {
    type Error = S::Error;

    fn notify(&self, port: evtchn_port_t) -> Result<(), Self::Error> {
        (**self).notify(port)
    }

    fn wait_any(
        &mut self,
        timeout: Option<Duration>,
    ) -> Result<Option<evtchn_port_t>, Self::Error> {
        (**self).wait_any(timeout)
    }
}
