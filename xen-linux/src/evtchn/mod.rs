//! Event channels from user space: `/dev/xen/evtchn`.
//!
//! A descriptor has ports of its own. An event of a port is read from the descriptor once, and the port
//! is masked then: its next event comes after it has been [unmasked](Evtchn::unmask).
//!
//! [`Evtchn`] binds ports, each of which is a [`Port`] with an owner, and reads events of all of them.
//! [`PortSet`] keeps ports by number, with a value for each, and waits for their events:
//!
//! ```no_run
//! use xen_linux::{DomainId, PortSet, domid_t};
//!
//! let mut ports = PortSet::open()?;
//! // Domain 1 learns of this number by XenStore, and binds it.
//! let port = ports.bind_unbound(DomainId::new(domid_t(1))?, "console")?;
//! println!("event-channel = {}", port.0);
//! while let Some(port) = ports.wait(None)? {
//!     // Unmask first and look for work afterwards: then no later event is missed.
//!     ports.unmask(port)?;
//!     println!("event for {:?}", ports.get(port));
//!     ports.notify(port)?;
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! For epoll: the descriptor is readable while an event is pending. [`Evtchn::open`] opens it
//! non-blocking, and it implements `AsRawFd`, so tokio's `AsyncFd::new` accepts it.
//!
//! Upstream: `xen/evtchn.h` of Linux; the driver is `drivers/xen/evtchn.c`.
//!
//! # From libxenevtchn
//!
//! | C | here |
//! |---|---|
//! | `xenevtchn_open` | [`Evtchn::open`], [`PortSet::open`] |
//! | `xenevtchn_close` | dropping the last of the [`Evtchn`]s and [`Port`]s |
//! | `xenevtchn_fd` | [`AsFd`], [`AsRawFd`] |
//! | `xenevtchn_bind_unbound_port` | [`Evtchn::bind_unbound`], [`PortSet::bind_unbound`] |
//! | `xenevtchn_bind_interdomain` | [`Evtchn::bind_interdomain`], [`PortSet::bind_interdomain`] |
//! | `xenevtchn_bind_virq` | [`Evtchn::bind_virq`], [`PortSet::bind_virq`] |
//! | `xenevtchn_unbind` | [`Port::unbind`], or dropping it; [`PortSet::remove`] |
//! | `xenevtchn_notify` | [`Port::notify`], [`PortSet::notify`] |
//! | `xenevtchn_pending` | [`Evtchn::pending`], [`PortSet::wait`] |
//! | `xenevtchn_unmask` | [`Evtchn::unmask`], [`Port::unmask`], [`PortSet::unmask`] |
//! | `xenevtchn_restrict` | [`Evtchn::restrict`] |

#![allow(unsafe_code, reason = "ports are read and written as bytes")]

mod channel;
mod port;
mod port_set;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::slice::{from_raw_parts, from_raw_parts_mut};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{self, Errno};
use xen_abi::event_channel::evtchn_port_t;
use xen_abi::linux::evtchn::*;
use xen_abi::xen::domid_t;
use xen_ops::Failed;

pub use channel::Channel;
pub use port::Port;
pub use port_set::PortSet;

use crate::device::{Device, DeviceName, NOTHING, from_fd};
use crate::{Cause, DomainId, Error};

/// How many ports the kernel takes or returns in one system call where pages have 4096 bytes.
const EVTCHN: DeviceName = DeviceName("/dev/xen/evtchn");

const MAX_PORTS_PER_CALL: usize = 1024;

const NOTIFY: &str = "IOCTL_EVTCHN_NOTIFY";
const UNBIND: &str = "IOCTL_EVTCHN_UNBIND";

/// An open `/dev/xen/evtchn`, with ports of its own.
///
/// Clones share the descriptor, and so do the ports that come from it.
#[derive(Clone, Debug)]
pub struct Evtchn {
    device: Device,
}

impl Evtchn {
    /// Opens `/dev/xen/evtchn`, non-blocking. A child of the process cannot use it: see
    /// [the crate](crate#fork).
    ///
    /// # Errors
    ///
    /// - [`Cause::Open`]: its text says what to do.
    /// - [`Cause::Unsupported`] if the device is not evtchn.
    pub fn open() -> Result<Self, Error> {
        Self::open_at(EVTCHN.0)
    }

    /// Opens the device at another path.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_at(path: impl AsRef<Path>) -> Result<Self, Error> {
        let opened = Self::checked(Device::open(path.as_ref())?)?;
        io::ioctl_fionbio(&opened.device, true).map_err(Error::errno("FIONBIO"))?;
        Ok(opened)
    }

    /// Checks that the device is evtchn, and answers as it does.
    fn checked(device: Device) -> Result<Self, Error> {
        device.check_is(EVTCHN)?;
        // evtchn has no such port, and says so.
        match unbind(&device, evtchn_port_t(u32::MAX)) {
            Err(error) if error.as_errno() != Some(Errno::INVAL) => Err(error),
            _ => Ok(Self { device }),
        }
    }

    /// Binds a port to a virtual interrupt (`VIRQ_*`), on vCPU 0 if each vCPU has its own.
    ///
    /// `IOCTL_EVTCHN_BIND_VIRQ`.
    ///
    /// # Errors
    ///
    /// EEXIST (it has a port already), EINVAL (no such interrupt), EPERM (it is not for this domain),
    /// ENOSPC (no port left), EACCES (restricted, to whatever domain), ENOMEM.
    pub fn bind_virq(&self, virq: u32) -> Result<Port, Error> {
        let bind = ioctl_evtchn_bind_virq { virq };
        self.bind("IOCTL_EVTCHN_BIND_VIRQ", IOCTL_EVTCHN_BIND_VIRQ, bind)
    }

    /// Binds a port to `port` of `domain`, which is unbound and waits for this domain. `domain` is a
    /// [`DomainId`], or `DOMID_SELF`.
    ///
    /// `IOCTL_EVTCHN_BIND_INTERDOMAIN`.
    ///
    /// # Errors
    ///
    /// EINVAL (no such port, or it is bound, or waits for another domain), ESRCH (no such domain), EPERM
    /// (not allowed), ENOSPC (no port left), EACCES (restricted to another domain), ENOMEM.
    pub fn bind_interdomain(
        &self,
        domain: impl Into<domid_t>,
        port: evtchn_port_t,
    ) -> Result<Port, Error> {
        let remote_domain = domain.into().0.into();
        let bind = ioctl_evtchn_bind_interdomain { remote_domain, remote_port: port.0 };
        self.bind("IOCTL_EVTCHN_BIND_INTERDOMAIN", IOCTL_EVTCHN_BIND_INTERDOMAIN, bind)
    }

    /// Allocates a port that waits for `domain` to bind to it. `domain` is a [`DomainId`], or
    /// `DOMID_SELF`.
    ///
    /// `IOCTL_EVTCHN_BIND_UNBOUND_PORT`.
    ///
    /// # Errors
    ///
    /// ESRCH (no such domain), ENOSPC (no port left), EACCES (restricted, to whatever domain), ENOMEM.
    pub fn bind_unbound(&self, domain: impl Into<domid_t>) -> Result<Port, Error> {
        let bind = ioctl_evtchn_bind_unbound_port { remote_domain: domain.into().0.into() };
        self.bind("IOCTL_EVTCHN_BIND_UNBOUND_PORT", IOCTL_EVTCHN_BIND_UNBOUND_PORT, bind)
    }

    fn bind<T>(&self, operation: &'static str, opcode: u32, mut bind: T) -> Result<Port, Error> {
        // SAFETY: the callers pair the ioctl with its structure, which holds no address.
        let port = unsafe { self.device.ioctl_again(operation, opcode, &raw mut bind) }?;
        Ok(Port::new(&self.device, evtchn_port_t(port as u32)))
    }

    /// Waits until an event is pending, for `timeout` at most. Returns whether one is.
    ///
    /// `poll`.
    ///
    /// # Errors
    ///
    /// EINTR, so that a signal can end the wait.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<bool, Error> {
        self.device.check_own("poll")?;
        // A timeout that the kernel cannot represent is no limit.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut descriptors = [PollFd::new(&self.device, PollFlags::IN)];
        let ready = poll(&mut descriptors, timeout.as_ref()).map_err(Error::errno("poll"))?;
        Ok(ready > 0)
    }

    /// The ports that have an event pending, in the order of the events; `None` if there is none. There
    /// are as many as fit into `ports` and into a page of the kernel. Each is masked now. An event may
    /// come without a cause.
    ///
    /// A blocking descriptor, which [`open`](Self::open) does not make, waits for the first event.
    ///
    /// `read`.
    ///
    /// # Errors
    ///
    /// [`Cause::Overflow`], every time until [`reset`](Self::reset); [`Cause::Count`] if `ports` is empty;
    /// EINTR, if the descriptor is blocking.
    pub fn pending<'a>(
        &self,
        ports: &'a mut [evtchn_port_t],
    ) -> Result<Option<&'a [evtchn_port_t]>, Error> {
        self.device.check_own("read")?;
        if ports.is_empty() {
            let max = MAX_PORTS_PER_CALL;
            return Err(Error::new("read", Cause::Count { count: 0, min: 1, max }));
        }
        match io::read(&self.device, bytes_mut(ports)) {
            Ok(read) => Ok(ports.get(..read / size_of::<evtchn_port_t>())),
            Err(Errno::AGAIN) => Ok(None),
            Err(Errno::FBIG) => Err(Error::new("read", Cause::Overflow)),
            Err(errno) => Err(Error::new("read", Cause::Errno(errno))),
        }
    }

    /// Unmasks the ports, so that further events of them come. Ports of other descriptors are ignored.
    ///
    /// `write`.
    ///
    /// # Errors
    ///
    /// The kernel's error number. Some ports may be unmasked then; to unmask them again does no harm.
    pub fn unmask(&self, ports: &[evtchn_port_t]) -> Result<(), Error> {
        unmask(&self.device, ports)
    }

    /// Discards all pending events, and an overflow. Ports with a discarded event stay masked.
    ///
    /// `IOCTL_EVTCHN_RESET`.
    ///
    /// # Errors
    ///
    /// The kernel's error number: EACCES (restricted).
    pub fn reset(&self) -> Result<(), Error> {
        // SAFETY: the ioctl takes nothing.
        unsafe { self.device.ioctl_again("IOCTL_EVTCHN_RESET", IOCTL_EVTCHN_RESET, NOTHING) }
            .map(drop)
    }

    /// Permanently restricts the descriptor to [`bind_interdomain`](Self::bind_interdomain) with
    /// `domain`: [`bind_unbound`](Self::bind_unbound) and [`bind_virq`](Self::bind_virq) are EACCES then,
    /// for every domain. Ports that are bound stay bound.
    ///
    /// `IOCTL_EVTCHN_RESTRICT_DOMID`.
    ///
    /// # Errors
    ///
    /// EACCES (restricted already), EINVAL (domain 0).
    pub fn restrict(&self, domain: DomainId) -> Result<(), Error> {
        let mut argument = ioctl_evtchn_restrict_domid { domid: domain.domid() };
        let (operation, opcode) = ("IOCTL_EVTCHN_RESTRICT_DOMID", IOCTL_EVTCHN_RESTRICT_DOMID);
        // SAFETY: the ioctl takes this structure, which holds no address.
        unsafe { self.device.ioctl_again(operation, opcode, &raw mut argument) }.map(drop)
    }
}

/// A descriptor that this process has opened itself, or received. It stays blocking or non-blocking as it
/// is.
impl TryFrom<OwnedFd> for Evtchn {
    type Error = Failed<Error, OwnedFd>;

    /// # Errors
    ///
    /// [`Cause::Unsupported`] if it is not of evtchn, or the kernel's error number. The descriptor is
    /// returned.
    fn try_from(descriptor: OwnedFd) -> Result<Self, Self::Error> {
        from_fd(descriptor, Self::checked)
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

fn notify(device: &Device, port: evtchn_port_t) -> Result<(), Error> {
    let mut notify = ioctl_evtchn_notify { port: port.0 };
    // SAFETY: the ioctl takes this structure, which holds no address.
    unsafe { device.ioctl_again(NOTIFY, IOCTL_EVTCHN_NOTIFY, &raw mut notify) }.map(drop)
}

fn unbind(device: &Device, port: evtchn_port_t) -> Result<(), Error> {
    let mut unbind = ioctl_evtchn_unbind { port: port.0 };
    // SAFETY: the ioctl takes this structure, which holds no address.
    unsafe { device.ioctl_again(UNBIND, IOCTL_EVTCHN_UNBIND, &raw mut unbind) }.map(drop)
}

fn unmask(device: &Device, mut ports: &[evtchn_port_t]) -> Result<(), Error> {
    device.check_own("write")?;
    while !ports.is_empty() {
        let written = io::retry_on_intr(|| io::write(device, bytes(ports)));
        let written = written.map_err(Error::errno("write"))? / size_of::<evtchn_port_t>();
        // The kernel takes up to a page at a time, and at least one port.
        ports = match ports.get(written..) {
            Some(rest) if written > 0 => rest,
            _ => return Err(Error::new("write", Cause::Errno(Errno::IO))),
        };
    }
    Ok(())
}

fn bytes(ports: &[evtchn_port_t]) -> &[u8] {
    // SAFETY: ports are integers, so all of their bytes are initialised.
    unsafe { from_raw_parts(ports.as_ptr().cast(), size_of_val(ports)) }
}

fn bytes_mut(ports: &mut [evtchn_port_t]) -> &mut [u8] {
    // SAFETY: ports are integers: any bytes are valid.
    unsafe { from_raw_parts_mut(ports.as_mut_ptr().cast(), size_of_val(ports)) }
}

#[cfg(test)]
mod tests;
