//! Several ports as a driver uses them.

use core::fmt;
use core::time::Duration;

use xen_abi::event_channel::evtchn_port_t;
use xen_ops::events::{EventChannelSet, NoSuchPort, TwoLevel};
use xen_ops::hypercall::{Error, event_channel_op};

use crate::backend::Backend;
use crate::channel::wait_for;
use crate::time::Clock;

/// How many ports Xen waits for in one hypercall.
pub const MAX_POLLED_PORTS: usize = 128;

/// Up to `N` ports of this kernel's, on all of which one driver waits. It needs no interrupt and no memory
/// but its own. It does not close the ports.
///
/// They are masked, so that a walk of [`TwoLevel::receive`] leaves their events to the set.
///
/// ```no_run
/// use xen_guest::time::Clock;
/// use xen_guest::xen_ops::events::{EventChannelSet as _, Port};
/// use xen_guest::{Guest, PortSet, SharedInfo};
///
/// # fn wait(guest: &Guest, shared_info: &SharedInfo) -> Option<()> {
/// let clock = Clock::new(shared_info).ok()?;
/// let mut set = PortSet::<2>::new(guest.xen(), shared_info.events(), &clock);
/// let disk = Port::bind_ipi(guest.xen(), 0).ok()?;
/// set.add(disk.number()).ok()?;
/// assert_eq!(set.wait_any(None).ok()?, Some(disk.number()));
/// # Some(())
/// # }
/// ```
#[derive(Debug)]
pub struct PortSet<'c, const N: usize> {
    xen: Backend,
    events: TwoLevel<'static>,
    clock: &'c Clock,
    ports: [evtchn_port_t; N],
    len: usize,
    /// Where the search for an event begins, so that each port has its turn.
    next: usize,
}

impl<'c, const N: usize> PortSet<'c, N> {
    /// A set without ports; `clock` measures timeouts. `N` is [`MAX_POLLED_PORTS`] at most, which is
    /// checked when the kernel is compiled.
    #[must_use]
    pub const fn new(xen: Backend, events: TwoLevel<'static>, clock: &'c Clock) -> Self {
        const { assert!(N <= MAX_POLLED_PORTS, "Xen waits for at most 128 ports") };
        Self { xen, events, clock, ports: [evtchn_port_t(0); N], len: 0, next: 0 }
    }

    /// Adds a port, which is masked from now on. An event that is pending counts.
    ///
    /// # Errors
    ///
    /// [`PortSetError`].
    pub fn add(&mut self, port: evtchn_port_t) -> Result<(), PortSetError> {
        if self.ports().contains(&port) {
            return Ok(());
        }
        let free = self.ports.get_mut(self.len).ok_or(PortSetError::Full)?;
        self.events.mask(port).map_err(PortSetError::NoSuchPort)?;
        *free = port;
        self.len += 1;
        Ok(())
    }

    /// Removes a port, which stays masked, and returns whether the set had it.
    pub fn remove(&mut self, port: evtchn_port_t) -> bool {
        let Some(at) = self.ports().iter().position(|own| *own == port) else { return false };
        self.len -= 1;
        self.ports[at] = self.ports[self.len];
        true
    }

    /// The ports, in no order.
    #[must_use]
    pub fn ports(&self) -> &[evtchn_port_t] {
        &self.ports[..self.len]
    }

    /// Takes an event that has come, without waiting, and returns its port.
    pub fn take(&mut self) -> Option<evtchn_port_t> {
        let ports = &self.ports[..self.len];
        let at = first_from(self.next, self.len, |at| {
            // The port was looked up when it was added.
            self.events.take(ports[at]).unwrap_or(false)
        })?;
        self.next = at + 1;
        Some(ports[at])
    }
}

/// The first index below `len` for which `is_it` is true, from `start` on and around the end.
fn first_from(start: usize, len: usize, mut is_it: impl FnMut(usize) -> bool) -> Option<usize> {
    let start = start.min(len);
    (start..len).chain(0..start).find(|at| is_it(*at))
}

impl<const N: usize> EventChannelSet for PortSet<'_, N> {
    type Error = Error;

    fn notify(&self, port: evtchn_port_t) -> Result<(), Error> {
        event_channel_op::send(&self.xen, port)
    }

    /// The vCPU sleeps until an event is pending (`SCHEDOP_poll`), or with a timeout as
    /// [`Channel`](crate::Channel) does. Without a port and a timeout it sleeps without end.
    fn wait_any(&mut self, timeout: Option<Duration>) -> Result<Option<evtchn_port_t>, Error> {
        let (xen, clock, ports, len) = (self.xen, self.clock, self.ports, self.len);
        wait_for(&xen, clock, &ports[..len], timeout, || self.take())
    }
}

/// Why a port is not added to a [`PortSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortSetError {
    /// The set has as many ports as it can hold.
    Full,
    /// The port is beyond the 2-level ABI.
    NoSuchPort(NoSuchPort),
}

impl fmt::Display for PortSetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the port set is full: make it larger"),
            Self::NoSuchPort(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for PortSetError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_goes_around_from_where_it_ended() {
        let mut looked = std::vec::Vec::new();
        assert_eq!(
            first_from(2, 3, |at| {
                looked.push(at);
                at == 1
            }),
            Some(1)
        );
        assert_eq!(looked, [2, 0, 1]);
        // Ports were removed, or there are none.
        assert_eq!(first_from(7, 2, |at| at == 0), Some(0));
        assert_eq!(first_from(7, 0, |_| true), None);
    }
}
