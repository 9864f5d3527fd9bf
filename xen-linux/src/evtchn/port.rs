//! A port with an owner.

use std::fmt;

use rustix::io::Errno;
use xen_abi::event_channel::evtchn_port_t;
use xen_ops::Failed;

use super::{notify, unbind, unmask};
use crate::Error;
use crate::device::{Device, release_twice};

/// What the kernel says of a port that is not bound.
const NOT_BOUND: [Errno; 2] = [Errno::INVAL, Errno::NOTCONN];

/// A port of this domain that is bound, until it is dropped.
///
/// It keeps the device open. Xen reuses the number once the port is unbound.
#[must_use = "a port that is dropped is unbound"]
pub struct Port {
    device: Device,
    port: evtchn_port_t,
    is_bound: bool,
}

impl Port {
    /// The port that the device has just bound.
    pub(super) fn new(device: &Device, port: evtchn_port_t) -> Self {
        Self { device: device.clone(), port, is_bound: true }
    }

    /// The port's number in this domain: [`Evtchn::pending`](super::Evtchn::pending) reports it, and the
    /// remote domain needs it to bind to an unbound port.
    #[must_use]
    pub const fn number(&self) -> evtchn_port_t {
        self.port
    }

    /// Sends an event to the other end.
    ///
    /// `IOCTL_EVTCHN_NOTIFY`.
    ///
    /// # Errors
    ///
    /// The kernel's error number. It is no error if the other end is not bound.
    pub fn notify(&self) -> Result<(), Error> {
        notify(&self.device, self.port)
    }

    /// Unmasks the port, so that further events of it come: [`Evtchn::unmask`](super::Evtchn::unmask).
    ///
    /// # Errors
    ///
    /// The kernel's error number.
    pub fn unmask(&self) -> Result<(), Error> {
        unmask(&self.device, &[self.port])
    }

    /// Unbinds it. Dropping the value does the same, without a report.
    ///
    /// `IOCTL_EVTCHN_UNBIND`.
    ///
    /// # Errors
    ///
    /// The kernel's error number, after two attempts. The port is returned, unless the kernel says that it
    /// is not bound. Closing the device unbinds it at the latest.
    pub fn unbind(mut self) -> Result<(), Failed<Error, Self>> {
        match self.unbind_once() {
            Ok(()) => Ok(()),
            Err(error) if self.is_bound => Err(Failed::returning(error, self)),
            Err(error) => Err(Failed::keeping(error)),
        }
    }

    fn unbind_once(&mut self) -> Result<(), Error> {
        if !self.is_bound {
            return Ok(());
        }
        let unbound = release_twice(|| unbind(&self.device, self.port), &NOT_BOUND);
        let errno = unbound.as_ref().err().and_then(Error::as_errno);
        self.is_bound = unbound.is_err() && errno.is_none_or(|errno| !NOT_BOUND.contains(&errno));
        unbound
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        let _ = self.unbind_once();
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Port").field(&self.port).finish()
    }
}
