//! A port as the drivers of xen-io use one.

use std::time::Duration;

use xen_abi::event_channel::evtchn_port_t;
use xen_io::EventChannel;
use xen_ops::events::Port;
use xen_ops::hypercall::{Error, event_channel_op};

use crate::domain::Domain;

/// How long a thread waits at most before it looks again whether there is an event.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// A port of a domain, for the drivers of xen-io: they send events through it, and the thread that waits
/// sleeps until one comes. It does not close the port.
///
/// ```
/// use std::time::Duration;
///
/// use xen_io::EventChannel;
/// use xen_ops::events::Port;
/// use xen_sim::{DomainConfig, EventPort, GuestKind, Xen};
///
/// let xen = Xen::new();
/// let [alice, bob] = [xen.domain(DomainConfig::new(GuestKind::Pvh))?, xen.domain(DomainConfig::new(GuestKind::Pvh))?];
/// let ours = Port::alloc_unbound(&alice, bob.domid())?;
/// let theirs = Port::bind_interdomain(&bob, alice.domid(), ours.number())?;
///
/// EventPort::of(&alice, &ours).notify()?;
/// assert!(EventPort::of(&bob, &theirs).wait(Some(Duration::ZERO))?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct EventPort {
    domain: Domain,
    number: evtchn_port_t,
}

impl EventPort {
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

impl EventChannel for EventPort {
    type Error = Error;

    fn notify(&self) -> Result<(), Error> {
        event_channel_op::send(&self.domain, self.number)
    }

    fn wait(&self, timeout: Option<Duration>) -> Result<bool, Error> {
        Ok(self.domain.wait(self.number, timeout.unwrap_or(LONGEST_WAIT)))
    }
}
