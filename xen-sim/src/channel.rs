//! A port as drivers use it.

use std::time::Duration;

use xen_abi::event_channel::evtchn_port_t;
use xen_ops::events::{EventChannel, Port};
use xen_ops::hypercall::{Error, event_channel_op};

use crate::domain::Domain;

/// How long a wait without a timeout sleeps at a time.
const TURN: Duration = Duration::from_secs(1);

/// A port of a domain, for drivers: they send events through it, and the thread that waits
/// sleeps until one comes. It does not close the port.
///
/// ```
/// use std::time::Duration;
///
/// use xen_ops::events::{EventChannel, Port};
/// use xen_sim::{DomainConfig, Channel, GuestKind, Xen};
///
/// let xen = Xen::new();
/// let [alice, bob] = [xen.domain(DomainConfig::new(GuestKind::Pvh))?, xen.domain(DomainConfig::new(GuestKind::Pvh))?];
/// let ours = Port::alloc_unbound(&alice, bob.domid())?;
/// let theirs = Port::bind_interdomain(&bob, alice.domid(), ours.number())?;
///
/// Channel::of(&alice, &ours).notify()?;
/// assert!(Channel::of(&bob, &theirs).wait(Some(Duration::ZERO))?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Channel {
    domain: Domain,
    number: evtchn_port_t,
}

impl Channel {
    /// The domain's port with that number.
    #[must_use]
    pub fn new(domain: &Domain, number: evtchn_port_t) -> Self {
        Self { domain: domain.clone(), number }
    }

    /// This port of the domain's.
    #[must_use]
    pub fn of(domain: &Domain, port: &Port<&Domain>) -> Self {
        Self::new(domain, port.number())
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> evtchn_port_t {
        self.number
    }
}

impl EventChannel for Channel {
    type Error = Error;

    fn notify(&self) -> Result<(), Error> {
        event_channel_op::send(&self.domain, self.number)
    }

    fn wait(&self, timeout: Option<Duration>) -> Result<bool, Error> {
        if let Some(timeout) = timeout {
            return Ok(self.domain.wait(self.number, timeout));
        }
        while !self.domain.wait(self.number, TURN) {}
        Ok(true)
    }
}
