//! Event channels from user space: `/dev/xen/evtchn`.
//!
//! Upstream: `xen/evtchn.h` of Linux. A descriptor has ports of its own; an event of one is read from
//! the descriptor once, and the next not before the port has been [unmasked](Evtchn::unmask).
//!
//! ```no_run
//! use xen_linux::evtchn::Evtchn;
//! use xen_ops::xen_abi::event_channel::evtchn_port_t;
//! use xen_ops::xen_abi::xen::domid_t;
//!
//! let events = Evtchn::open()?;
//! // Domain 1 learns of this number by XenStore, and binds it.
//! let port = events.bind_unbound(domid_t(1))?;
//! println!("port {}", port.number().0);
//! let mut ports = [evtchn_port_t(0); 16];
//! while events.wait(None)? {
//!     for pending in events.pending(&mut ports)?.unwrap_or_default() {
//!         // What has happened is looked at after this, so that no later event is missed.
//!         events.unmask(&[*pending])?;
//!         port.notify()?;
//!     }
//! }
//! # Ok::<(), xen_linux::Error>(())
//! ```
//!
//! For epoll: the descriptor is readable while an event is pending. [`Evtchn::open`] makes it one that
//! does not block, and it has `AsRawFd`: tokio's `AsyncFd::new` takes it as it is.
//!
//! # From libxenevtchn
//!
//! | C | here |
//! |---|---|
//! | `xenevtchn_open` | [`Evtchn::open`] |
//! | `xenevtchn_close` | dropping the last of the [`Evtchn`]s and [`Port`]s |
//! | `xenevtchn_fd` | [`AsFd`], [`AsRawFd`] |
//! | `xenevtchn_bind_unbound_port` | [`Evtchn::bind_unbound`] |
//! | `xenevtchn_bind_interdomain` | [`Evtchn::bind_interdomain`] |
//! | `xenevtchn_bind_virq` | [`Evtchn::bind_virq`] |
//! | `xenevtchn_unbind` | [`Port::unbind`], or dropping it |
//! | `xenevtchn_notify` | [`Port::notify`] |
//! | `xenevtchn_pending` | [`Evtchn::pending`] |
//! | `xenevtchn_unmask` | [`Evtchn::unmask`], [`Port::unmask`] |
//! | `xenevtchn_restrict` | [`Evtchn::restrict`] |

#![allow(unsafe_code, reason = "ports are read and written as bytes")]

use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::slice::{from_raw_parts, from_raw_parts_mut};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{self, Errno};
use xen_abi::event_channel::evtchn_port_t;
use xen_abi::linux::evtchn::*;
use xen_abi::xen::domid_t;

use crate::device::{Device, NOTHING, give_back};
use crate::{Cause, Error};

/// Ports that the kernel takes or gives in one system call where pages have 4096 bytes.
const MOST: usize = 1024;

const NOTIFY: &str = "IOCTL_EVTCHN_NOTIFY";
const UNBIND: &str = "IOCTL_EVTCHN_UNBIND";

/// The device, with ports of its own.
///
/// Clones share the descriptor, and so do the ports that come from it.
#[derive(Clone, Debug)]
pub struct Evtchn {
    device: Device,
}

/// A port of this domain's that is bound, until it is dropped.
///
/// It keeps the device open. Numbers are given again once a port is unbound.
#[must_use = "dropping it unbinds the port"]
pub struct Port {
    device: Device,
    port: evtchn_port_t,
    is_bound: bool,
}

impl Evtchn {
    /// Opens `/dev/xen/evtchn`, so that reading does not block. A child of the process cannot use it: see
    /// [the crate](crate#fork).
    ///
    /// # Errors
    ///
    /// [`Cause::Open`]: its text says what can be done. As [`try_from`](Self::try_from), for the rest.
    pub fn open() -> Result<Self, Error> {
        Self::open_at("/dev/xen/evtchn")
    }

    /// Opens the device at another place.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_at(path: impl AsRef<Path>) -> Result<Self, Error> {
        let opened = Self::checked(Device::open(path.as_ref())?)?;
        io::ioctl_fionbio(&opened.device, true).map_err(Error::errno("FIONBIO"))?;
        Ok(opened)
    }

    /// A device that answers as evtchn does.
    fn checked(device: Device) -> Result<Self, Error> {
        // It has no such port, and says so.
        match unbind(&device, evtchn_port_t(u32::MAX)) {
            Err(error) if error.as_errno() != Some(Errno::INVAL) => Err(error),
            _ => Ok(Self { device }),
        }
    }

    /// A port for a virtual interrupt (`VIRQ_*`), on vCPU 0 if each has its own.
    ///
    /// `IOCTL_EVTCHN_BIND_VIRQ`.
    ///
    /// # Errors
    ///
    /// EEXIST (it has a port already), EINVAL (there is no such interrupt), EPERM (it is not for this
    /// domain), ENOSPC (no port left), EACCES (restricted, to whatever domain), ENOMEM.
    pub fn bind_virq(&self, virq: u32) -> Result<Port, Error> {
        let bind = ioctl_evtchn_bind_virq { virq };
        self.bind("IOCTL_EVTCHN_BIND_VIRQ", IOCTL_EVTCHN_BIND_VIRQ, bind)
    }

    /// A port connected to `port` of `domid`, which waits for this domain.
    ///
    /// `IOCTL_EVTCHN_BIND_INTERDOMAIN`.
    ///
    /// # Errors
    ///
    /// EINVAL (no such port, or it waits for nobody or for another), ESRCH (no such domain), EPERM (not
    /// allowed), ENOSPC (no port left), EACCES (restricted to another domain), ENOMEM.
    pub fn bind_interdomain(&self, domid: domid_t, port: evtchn_port_t) -> Result<Port, Error> {
        let bind =
            ioctl_evtchn_bind_interdomain { remote_domain: domid.0.into(), remote_port: port.0 };
        self.bind("IOCTL_EVTCHN_BIND_INTERDOMAIN", IOCTL_EVTCHN_BIND_INTERDOMAIN, bind)
    }

    /// A port that waits for `domid` to bind it.
    ///
    /// `IOCTL_EVTCHN_BIND_UNBOUND_PORT`.
    ///
    /// # Errors
    ///
    /// ESRCH (no such domain), ENOSPC (no port left), EACCES (restricted, to whatever domain), ENOMEM.
    pub fn bind_unbound(&self, domid: domid_t) -> Result<Port, Error> {
        let bind = ioctl_evtchn_bind_unbound_port { remote_domain: domid.0.into() };
        self.bind("IOCTL_EVTCHN_BIND_UNBOUND_PORT", IOCTL_EVTCHN_BIND_UNBOUND_PORT, bind)
    }

    fn bind<T>(&self, operation: &'static str, opcode: u32, mut bind: T) -> Result<Port, Error> {
        // SAFETY: the callers pair the ioctl with its structure, which holds no address.
        let port = unsafe { self.device.ioctl_again(operation, opcode, &raw mut bind) }?;
        let port = evtchn_port_t(port.unsigned_abs());
        Ok(Port { device: self.device.clone(), port, is_bound: true })
    }

    /// Waits until an event is pending, for `timeout` at most. Whether one is.
    ///
    /// `poll`.
    ///
    /// # Errors
    ///
    /// EINTR, so that a signal can end the wait.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<bool, Error> {
        self.device.own("poll")?;
        // A time that the kernel cannot say is none.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut descriptors = [PollFd::new(&self.device, PollFlags::IN)];
        let ready = poll(&mut descriptors, timeout.as_ref()).map_err(Error::errno("poll"))?;
        Ok(ready > 0)
    }

    /// The ports that have an event pending, as many as fit into `ports` or into a page, in the order in
    /// which the events came; `None` if there is none. Each is masked now. An event says that something may
    /// have happened: there are some without a cause.
    ///
    /// A descriptor that blocks, which [`open`](Self::open) makes none of, waits for the first.
    ///
    /// `read`.
    ///
    /// # Errors
    ///
    /// [`Cause::Overflow`], again and again until [`reset`](Self::reset); [`Cause::Count`] if `ports` is
    /// empty; EINTR, if it waited.
    pub fn pending<'a>(
        &self,
        ports: &'a mut [evtchn_port_t],
    ) -> Result<Option<&'a [evtchn_port_t]>, Error> {
        self.device.own("read")?;
        if ports.is_empty() {
            return Err(Error::new("read", Cause::Count { count: 0, least: 1, most: MOST }));
        }
        match io::read(&self.device, bytes_mut(ports)) {
            Ok(read) => Ok(ports.get(..read / size_of::<evtchn_port_t>())),
            Err(Errno::AGAIN) => Ok(None),
            Err(Errno::FBIG) => Err(Error::new("read", Cause::Overflow)),
            Err(errno) => Err(Error::new("read", Cause::Errno(errno))),
        }
    }

    /// Lets further events of the ports come. Ports that are not this descriptor's are passed over.
    ///
    /// `write`.
    ///
    /// # Errors
    ///
    /// What the kernel says; some ports may be unmasked then, and to unmask them again does no harm.
    pub fn unmask(&self, ports: &[evtchn_port_t]) -> Result<(), Error> {
        unmask(&self.device, ports)
    }

    /// Forgets all events that are pending, and that some were lost. Ports that they were of stay masked.
    ///
    /// `IOCTL_EVTCHN_RESET`.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn reset(&self) -> Result<(), Error> {
        // SAFETY: the ioctl takes nothing.
        unsafe { self.device.ioctl_again("IOCTL_EVTCHN_RESET", IOCTL_EVTCHN_RESET, NOTHING) }
            .map(drop)
    }

    /// Gives up, for good, binding ports but by [`bind_interdomain`](Self::bind_interdomain) to `domid`:
    /// [`bind_unbound`](Self::bind_unbound) and [`bind_virq`](Self::bind_virq) are EACCES then, for every
    /// domain. Ports that are bound stay so.
    ///
    /// `IOCTL_EVTCHN_RESTRICT_DOMID`.
    ///
    /// # Errors
    ///
    /// EACCES (restricted already), EINVAL (domain 0, or no number of a domain's).
    pub fn restrict(&self, domid: domid_t) -> Result<(), Error> {
        let mut argument = ioctl_evtchn_restrict_domid { domid };
        let (operation, opcode) = ("IOCTL_EVTCHN_RESTRICT_DOMID", IOCTL_EVTCHN_RESTRICT_DOMID);
        // SAFETY: the ioctl takes this structure, which holds no address.
        unsafe { self.device.ioctl_again(operation, opcode, &raw mut argument) }.map(drop)
    }
}

/// A descriptor that somebody else has opened, for this process. Whether reading blocks stays as it is.
impl TryFrom<OwnedFd> for Evtchn {
    type Error = Error;

    /// # Errors
    ///
    /// [`Cause::Unsupported`] if it is not evtchn's, or what the kernel says. The descriptor is closed then.
    fn try_from(descriptor: OwnedFd) -> Result<Self, Error> {
        Self::checked(Device::new(descriptor)?)
    }
}

impl AsFd for Evtchn {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

impl AsRawFd for Evtchn {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl Port {
    /// The port's number in this domain: what [`Evtchn::pending`] says, and what the other side needs to
    /// know of a port that waits for it.
    #[must_use]
    pub const fn number(&self) -> evtchn_port_t {
        self.port
    }

    /// Sends an event to the other side.
    ///
    /// `IOCTL_EVTCHN_NOTIFY`.
    ///
    /// # Errors
    ///
    /// What the kernel says. That nobody has bound the other end is no error.
    pub fn notify(&self) -> Result<(), Error> {
        let mut notify = ioctl_evtchn_notify { port: self.port.0 };
        // SAFETY: the ioctl takes this structure, which holds no address.
        unsafe { self.device.ioctl_again(NOTIFY, IOCTL_EVTCHN_NOTIFY, &raw mut notify) }.map(drop)
    }

    /// Lets further events of this port come: [`Evtchn::unmask`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn unmask(&self) -> Result<(), Error> {
        unmask(&self.device, &[self.port])
    }

    /// Unbinds it. Dropping does the same and says nothing.
    ///
    /// `IOCTL_EVTCHN_UNBIND`.
    ///
    /// # Errors
    ///
    /// What the kernel says. The port is unbound when the device is closed, with the last value that
    /// uses it.
    pub fn unbind(mut self) -> Result<(), Error> {
        self.take_down()
    }

    fn take_down(&mut self) -> Result<(), Error> {
        if !std::mem::take(&mut self.is_bound) {
            return Ok(());
        }
        give_back(|| unbind(&self.device, self.port), &[Errno::INVAL, Errno::NOTCONN])
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        let _ = self.take_down();
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Port").field(&self.port).finish()
    }
}

fn unbind(device: &Device, port: evtchn_port_t) -> Result<(), Error> {
    let mut unbind = ioctl_evtchn_unbind { port: port.0 };
    // SAFETY: the ioctl takes this structure, which holds no address.
    unsafe { device.ioctl_again(UNBIND, IOCTL_EVTCHN_UNBIND, &raw mut unbind) }.map(drop)
}

fn unmask(device: &Device, mut ports: &[evtchn_port_t]) -> Result<(), Error> {
    device.own("write")?;
    while !ports.is_empty() {
        let written = io::retry_on_intr(|| io::write(device, bytes(ports)));
        let written = written.map_err(Error::errno("write"))? / size_of::<evtchn_port_t>();
        // The kernel takes a page at a time, and never less than one port.
        ports = match ports.get(written..) {
            Some(rest) if written > 0 => rest,
            _ => return Err(Error::new("write", Cause::Errno(Errno::IO))),
        };
    }
    Ok(())
}

fn bytes(ports: &[evtchn_port_t]) -> &[u8] {
    // SAFETY: ports are integers, which are bytes.
    unsafe { from_raw_parts(ports.as_ptr().cast(), size_of_val(ports)) }
}

fn bytes_mut(ports: &mut [evtchn_port_t]) -> &mut [u8] {
    // SAFETY: ports are integers: any bytes are some.
    unsafe { from_raw_parts_mut(ports.as_mut_ptr().cast(), size_of_val(ports)) }
}

#[cfg(test)]
mod tests;
