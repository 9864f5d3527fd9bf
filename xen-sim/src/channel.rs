//! A port, and a set of ports, as drivers use them.

use std::time::Duration;

use xen_abi::event_channel::evtchn_port_t;
use xen_ops::events::{EventChannel, EventChannelSet, Port};
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

/// Ports of a domain, for a driver that waits on all of them: the thread sleeps until an event of any comes.
/// It does not close the ports.
///
/// ```
/// use std::time::Duration;
///
/// use xen_ops::events::{EventChannelSet, Port};
/// use xen_sim::{DomainConfig, GuestKind, PortSet, Xen};
///
/// let xen = Xen::new();
/// let alice = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
/// let [disk, network] = [Port::bind_ipi(&alice, 0)?, Port::bind_ipi(&alice, 0)?];
/// let mut set = PortSet::new(&alice);
/// set.add(disk.number());
/// set.add(network.number());
///
/// network.notify()?;
/// assert_eq!(set.wait_any(None)?, Some(network.number()));
/// assert_eq!(set.wait_any(Some(Duration::ZERO))?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PortSet {
    domain: Domain,
    ports: Vec<evtchn_port_t>,
    /// Where the search for an event begins, so that each port has its turn.
    next: usize,
}

impl PortSet {
    /// A set without ports.
    #[must_use]
    pub fn new(domain: &Domain) -> Self {
        Self { domain: domain.clone(), ports: Vec::new(), next: 0 }
    }

    /// Adds a port of the domain's. An event that is pending counts.
    pub fn add(&mut self, port: evtchn_port_t) {
        if !self.ports.contains(&port) {
            self.ports.push(port);
        }
    }

    /// Removes a port, and returns whether the set had it.
    pub fn remove(&mut self, port: evtchn_port_t) -> bool {
        let before = self.ports.len();
        self.ports.retain(|own| *own != port);
        self.ports.len() != before
    }

    /// The ports, in the order of the search for events.
    #[must_use]
    pub fn ports(&self) -> &[evtchn_port_t] {
        &self.ports
    }
}

impl EventChannelSet for PortSet {
    type Error = Error;

    fn notify(&self, port: evtchn_port_t) -> Result<(), Error> {
        event_channel_op::send(&self.domain, port)
    }

    fn wait_any(&mut self, timeout: Option<Duration>) -> Result<Option<evtchn_port_t>, Error> {
        loop {
            let start = self.next.min(self.ports.len());
            self.ports.rotate_left(start);
            let taken = self.domain.wait_any(&self.ports, timeout.unwrap_or(TURN));
            self.next = taken.map_or(0, |at| at + 1);
            if taken.is_some() || timeout.is_some() {
                return Ok(taken.map(|at| self.ports[at]));
            }
        }
    }
}
