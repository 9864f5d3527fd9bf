//! Ports by number.

use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::xen::domid_t;
use xen_ops::Failed;
use xen_ops::events::EventChannelSet;

use super::{Evtchn, Port, notify};
use crate::Error;

/// How many events are read at once.
const BATCH: usize = 64;

/// Ports by number, with a value for each, and a wait for their events.
///
/// The values are the program's own: what belongs to the port, say a ring. All ports of a set share one
/// descriptor. The set reads all of its events, so do not read them elsewhere.
pub struct PortSet<T> {
    evtchn: Evtchn,
    /// By number.
    ports: BTreeMap<u32, (Port, T)>,
    /// What was read last.
    batch: [evtchn_port_t; BATCH],
    /// How much of it has been returned, and how much there is.
    next: usize,
    end: usize,
}

impl<T> PortSet<T> {
    /// Opens `/dev/xen/evtchn` for an empty set.
    ///
    /// # Errors
    ///
    /// As [`Evtchn::open`].
    pub fn open() -> Result<Self, Error> {
        Evtchn::open().map(Self::from)
    }

    /// Binds a port to a virtual interrupt: [`Evtchn::bind_virq`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn bind_virq(&mut self, virq: u32, value: T) -> Result<evtchn_port_t, Error> {
        let port = self.evtchn.bind_virq(virq)?;
        Ok(self.add(port, value))
    }

    /// Binds a port to one of another domain: [`Evtchn::bind_interdomain`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn bind_interdomain(
        &mut self,
        domain: impl Into<domid_t>,
        port: evtchn_port_t,
        value: T,
    ) -> Result<evtchn_port_t, Error> {
        let port = self.evtchn.bind_interdomain(domain, port)?;
        Ok(self.add(port, value))
    }

    /// Allocates a port for another domain to bind to: [`Evtchn::bind_unbound`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn bind_unbound(
        &mut self,
        domain: impl Into<domid_t>,
        value: T,
    ) -> Result<evtchn_port_t, Error> {
        let port = self.evtchn.bind_unbound(domain)?;
        Ok(self.add(port, value))
    }

    /// A port whose number Xen has just given out, so the set does not have it.
    pub(super) fn add(&mut self, port: Port, value: T) -> evtchn_port_t {
        let number = port.number();
        self.ports.insert(number.0, (port, value));
        number
    }

    /// Unbinds a port, and returns its value; `None` if the set does not have the port.
    ///
    /// # Errors
    ///
    /// As [`Port::unbind`]. The value is returned; the port is dropped, which tries once more to unbind
    /// it.
    pub fn remove(&mut self, port: evtchn_port_t) -> Result<Option<T>, Failed<Error, T>> {
        let Some((port, value)) = self.ports.remove(&port.0) else { return Ok(None) };
        match port.unbind() {
            Ok(()) => Ok(Some(value)),
            Err(failed) => Err(Failed::returning(failed.error, value)),
        }
    }

    /// The value of a port.
    #[must_use]
    pub fn get(&self, port: evtchn_port_t) -> Option<&T> {
        self.ports.get(&port.0).map(|(_, value)| value)
    }

    /// The value of a port.
    #[must_use]
    pub fn get_mut(&mut self, port: evtchn_port_t) -> Option<&mut T> {
        self.ports.get_mut(&port.0).map(|(_, value)| value)
    }

    /// The ports, by number, with their values.
    pub fn iter(&self) -> impl Iterator<Item = (evtchn_port_t, &T)> {
        self.ports.iter().map(|(number, (_, value))| (evtchn_port_t(*number), value))
    }

    /// How many ports there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ports.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ports.is_empty()
    }

    /// Sends an event to the other end of a port.
    ///
    /// # Errors
    ///
    /// As [`Port::notify`]; ENOTCONN or EINVAL if the descriptor does not have the port.
    pub fn notify(&self, port: evtchn_port_t) -> Result<(), Error> {
        notify(&self.evtchn.device, port)
    }

    /// Unmasks a port, so that further events of it come.
    ///
    /// # Errors
    ///
    /// As [`Evtchn::unmask`].
    pub fn unmask(&self, port: evtchn_port_t) -> Result<(), Error> {
        self.evtchn.unmask(&[port])
    }

    /// Waits for the next event of a port, for `timeout` at most, and returns the port; `None` if none
    /// came in time. The port is masked now.
    ///
    /// Events are read in batches and returned one by one. So when epoll reports the descriptor as
    /// readable, call this with [`Duration::ZERO`] until it returns `None`.
    ///
    /// # Errors
    ///
    /// - [`Cause::Overflow`](crate::Cause::Overflow), every time until [`Evtchn::reset`].
    /// - EINTR, so that a signal can end the wait.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Option<evtchn_port_t>, Error> {
        // A time that cannot be represented is no limit.
        let deadline = timeout.map(|timeout| Instant::now().checked_add(timeout));
        let deadline = deadline.flatten();
        let mut is_last = false;
        loop {
            while let Some(&port) = self.batch[..self.end].get(self.next) {
                self.next += 1;
                // An event of a port that was removed is still delivered.
                if self.ports.contains_key(&port.0) {
                    return Ok(Some(port));
                }
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if is_last || !self.evtchn.wait(left)? {
                return Ok(None);
            }
            // With a clone of the descriptor, another thread may have been faster.
            (self.next, self.end) = (0, 0);
            self.end = self.evtchn.pending(&mut self.batch)?.map_or(0, <[_]>::len);
            // Events of ports that are not in the set do not prolong the wait.
            is_last = left == Some(Duration::ZERO) && self.end < BATCH;
        }
    }

    /// The device, to [reset](Evtchn::reset) or [restrict](Evtchn::restrict) it.
    #[must_use]
    pub const fn evtchn(&self) -> &Evtchn {
        &self.evtchn
    }
}

impl<T> EventChannelSet for PortSet<T> {
    type Error = Error;

    fn notify(&self, port: evtchn_port_t) -> Result<(), Error> {
        self.notify(port)
    }

    /// As [`wait`](Self::wait), and the port is unmasked before it is returned.
    fn wait_any(&mut self, timeout: Option<Duration>) -> Result<Option<evtchn_port_t>, Error> {
        let port = self.wait(timeout)?;
        if let Some(port) = port {
            self.unmask(port)?;
        }
        Ok(port)
    }
}

/// An empty set. Ports that were bound through the device before are not in it, and their events are
/// ignored.
impl<T> From<Evtchn> for PortSet<T> {
    fn from(evtchn: Evtchn) -> Self {
        let batch = [evtchn_port_t(0); BATCH];
        Self { evtchn, ports: BTreeMap::new(), batch, next: 0, end: 0 }
    }
}

/// Readable while an event is pending in the kernel: see [`wait`](Self::wait).
impl<T> AsFd for PortSet<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.evtchn.as_fd()
    }
}

impl<T> AsRawFd for PortSet<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.evtchn.as_raw_fd()
    }
}

impl<T: fmt::Debug> fmt::Debug for PortSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
