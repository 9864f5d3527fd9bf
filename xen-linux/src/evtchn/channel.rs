//! A port as drivers use it.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use xen_ops::events::EventChannel;

use super::{Evtchn, Port, evtchn_port_t};
use crate::Error;

/// A port with a descriptor of its own, on which a driver waits: blocking by [`wait`](EventChannel::wait), or
/// in an event loop through [`AsFd`] and [`take`](Self::take).
#[derive(Debug)]
pub struct Channel {
    evtchn: Evtchn,
    port: Port,
}

impl Channel {
    /// Opens `/dev/xen/evtchn` and binds a port there, by one of [`Evtchn`]'s functions.
    ///
    /// # Errors
    ///
    /// As [`Evtchn::open`], and those of `bind`.
    pub fn open(bind: impl FnOnce(&Evtchn) -> Result<Port, Error>) -> Result<Self, Error> {
        let evtchn = Evtchn::open()?;
        let port = bind(&evtchn)?;
        Ok(Self { evtchn, port })
    }

    /// A channel of a descriptor that has this port and no other.
    #[cfg(test)]
    pub(super) fn of(evtchn: Evtchn, port: Port) -> Self {
        Self { evtchn, port }
    }

    /// The port.
    pub const fn port(&self) -> &Port {
        &self.port
    }

    /// Takes an event that has come, without waiting, and lets the next one come.
    ///
    /// # Errors
    ///
    /// Those of [`Evtchn::pending`] and [`Evtchn::unmask`].
    pub fn take(&self) -> Result<bool, Error> {
        let mut ports = [evtchn_port_t(0); 4];
        let Some(pending) = self.evtchn.pending(&mut ports)? else { return Ok(false) };
        let is_own = pending.contains(&self.port.number());
        self.port.unmask()?;
        Ok(is_own)
    }
}

impl EventChannel for Channel {
    type Error = Error;

    fn notify(&self) -> Result<(), Error> {
        self.port.notify()
    }

    fn wait(&self, timeout: Option<Duration>) -> Result<bool, Error> {
        Ok(self.evtchn.wait(timeout)? && self.take()?)
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.evtchn.as_fd()
    }
}
