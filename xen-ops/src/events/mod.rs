//! Event channels: ports that notify the other side.
//!
//! A [`Port`] belongs to the caller's domain, and is closed when it is dropped. [`TwoLevel`] receives events
//! in a kernel, in the ABI that every domain starts with; a kernel's interrupt handler or its main loop calls
//! it. [`PortVcpus`] says which of several vCPUs receives which port. [`FifoVcpu`] and [`EventArray`] receive
//! events in the ABI that has priorities and 131072 ports. A driver waits for one port by [`EventChannel`], or for
//! several by [`EventChannelSet`].
//! [`hypercall::event_channel_op`](crate::hypercall::event_channel_op) has the operations as C has them.
//!
//! | C operation | here |
//! |---|---|
//! | `EVTCHNOP_alloc_unbound` | [`Port::alloc_unbound`] |
//! | `EVTCHNOP_bind_interdomain` | [`Port::bind_interdomain`] |
//! | `EVTCHNOP_bind_virq` | [`Port::bind_virq`] |
//! | `EVTCHNOP_bind_ipi` | [`Port::bind_ipi`] |
//! | `EVTCHNOP_send` | [`Port::notify`] |
//! | `EVTCHNOP_status` | [`Port::status`] |
//! | `EVTCHNOP_close` | [`Port::close`], and dropping the port |
//!
//! Upstream: `xen/include/public/event_channel.h`.

mod channel;
mod fifo;
mod port_vcpus;
mod shared_word;
mod status;
mod two_level;
mod vcpu;

use core::fmt;

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::xen::{DOMID_INVALID, DOMID_SELF, domid_t};

pub use channel::{EventChannel, EventChannelSet};
pub use fifo::{EventArray, ExpandError, FifoVcpu, MAX_ARRAY_PAGES, WORDS_PER_PAGE, Walk};
pub use port_vcpus::PortVcpus;
pub use status::{Binding, PortStatus};
pub use two_level::{NoSuchPort, TWO_LEVEL_PORTS, TwoLevel, UnmaskError};
pub use vcpu::Vcpu;

/// What guest and Xen do at the same time, for the tests that check it in every interleaving. Not a public
/// interface.
#[doc(hidden)]
pub use fifo::protocol;
#[doc(hidden)]
pub use two_level::protocol as two_level_protocol;

use crate::hypercall::event_channel_op as op;
use crate::hypercall::{Error, Hypercall};

/// An event-channel port of the caller's domain.
///
/// Dropping it closes it, and ignores an error of that. [`close`](Self::close) returns it.
///
/// ```
/// # use xen_sim::{DomainConfig, GuestKind, Xen};
/// # let machine = Xen::new();
/// # let [alice, bob] = [machine.domain(DomainConfig::new(GuestKind::Pvh))?, machine.domain(DomainConfig::new(GuestKind::Pvh))?];
/// use xen_ops::events::Port;
///
/// // Alice offers a port to Bob, who learns its number through xenstore for example.
/// let port = Port::alloc_unbound(&alice, bob.domid())?;
/// println!("event-channel = {}", port.number().0);
///
/// // Bob binds it, and notifies Alice.
/// let peer = Port::bind_interdomain(&bob, alice.domid(), port.number())?;
/// peer.notify()?;
/// # assert!(matches!(port.status()?.binding, xen_ops::events::Binding::Interdomain { .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a port that is dropped is closed"]
pub struct Port<H: Hypercall> {
    xen: H,
    number: evtchn_port_t,
    open: bool,
}

impl<H: Hypercall> Port<H> {
    /// A port that domain `remote` can bind: a [`DomainId`](crate::DomainId), or `DOMID_SELF` for a port
    /// of the caller's own.
    ///
    /// # Errors
    ///
    /// -ENOSPC (no port free) or -ENOMEM. With the policy SILO then -ESRCH (`remote` does not exist) and
    /// -EPERM (two domains of which neither is a control domain). With the default policy Xen does not look `remote` up.
    pub fn alloc_unbound(xen: H, remote: impl Into<domid_t>) -> Result<Self, Error> {
        let number = op::alloc_unbound(&xen, DOMID_SELF, remote.into())?;
        Ok(Self::new(xen, number))
    }

    /// A port connected to port `remote_port` of domain `remote`, which that domain has allocated for the
    /// caller. `remote` is a [`DomainId`](crate::DomainId), or `DOMID_SELF`. An event is pending on the
    /// new port at once, since earlier ones may have been lost.
    ///
    /// # Errors
    ///
    /// In the order in which Xen checks: -ESRCH (no such domain), -ENOSPC (no port free) or -ENOMEM,
    /// -EINVAL (`remote_port` is not allocated for the caller), -EPERM (SILO: two domains of which neither
    /// is a control domain).
    pub fn bind_interdomain(
        xen: H,
        remote: impl Into<domid_t>,
        remote_port: evtchn_port_t,
    ) -> Result<Self, Error> {
        let number = op::bind_interdomain(&xen, remote.into(), remote_port)?;
        Ok(Self::new(xen, number))
    }

    /// A port for virtual interrupt `virq` (`VIRQ_*` of `xen.h`) of vCPU `vcpu`, which is 0 for a global
    /// interrupt or one of the domain.
    ///
    /// Up to Xen 4.20 an unprivileged domain can bind a global interrupt, such as `VIRQ_CONSOLE`, but
    /// receives no events for it.
    ///
    /// # Errors
    ///
    /// In the order in which Xen checks: -EINVAL (no such interrupt, or a `vcpu` other than 0 for an
    /// interrupt that is not per vCPU), -ENOENT (no such vCPU), from 4.21 on -EBUSY (a global interrupt that
    /// another domain handles), -EEXIST (it has a port already), -ENOSPC (no port free) or -ENOMEM.
    pub fn bind_virq(xen: H, virq: u32, vcpu: u32) -> Result<Self, Error> {
        let number = op::bind_virq(&xen, virq, vcpu)?;
        Ok(Self::new(xen, number))
    }

    /// A port for interrupts from one of the caller's vCPUs to another: its events arrive at
    /// `vcpu`.
    ///
    /// # Errors
    ///
    /// -ENOENT (no such vCPU), -ENOSPC (no port free), -ENOMEM.
    pub fn bind_ipi(xen: H, vcpu: u32) -> Result<Self, Error> {
        let number = op::bind_ipi(&xen, vcpu)?;
        Ok(Self::new(xen, number))
    }

    const fn new(xen: H, number: evtchn_port_t) -> Self {
        Self { xen, number, open: true }
    }

    /// The port's number, which the other side needs to bind it.
    #[must_use]
    pub const fn number(&self) -> evtchn_port_t {
        self.number
    }

    /// Sends an event to the other side. Several events that it has not handled yet count as one.
    ///
    /// While the port is not bound, the event is lost and this succeeds.
    ///
    /// # Errors
    ///
    /// -EINVAL (the port is for a virtual interrupt, or was closed by other means, such as
    /// `EVTCHNOP_reset`).
    pub fn notify(&self) -> Result<(), Error> {
        op::send(&self.xen, self.number)
    }

    /// What the port is connected to.
    ///
    /// # Errors
    ///
    /// None while the port is open.
    pub fn status(&self) -> Result<PortStatus, Error> {
        op::status(&self.xen, DOMID_SELF, self.number).map(Into::into)
    }

    /// Closes the port. If it was connected to a port of another domain, that port can be bound again.
    ///
    /// # Errors
    ///
    /// -EINVAL (the port was closed by other means). There is nothing to retry, so the port is not
    /// returned.
    pub fn close(mut self) -> Result<(), Error> {
        self.open = false;
        op::close(&self.xen, self.number)
    }
}

/// The id of the caller's own domain, which no operation reports as such: a port is allocated that the
/// domain itself may bind, Xen says which domain may, and the port is closed.
///
/// `DOMID_INVALID` if Xen says something else.
///
/// ```
/// # use xen_sim::{DomainConfig, GuestKind, Xen};
/// # let machine = Xen::new();
/// # let alice = machine.domain(DomainConfig::new(GuestKind::Pv))?;
/// assert_eq!(xen_ops::events::own_domid(&alice)?, alice.domid().domid());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// -ENOSPC (no port free) or -ENOMEM.
pub fn own_domid<H: Hypercall>(xen: H) -> Result<domid_t, Error> {
    match Port::alloc_unbound(xen, DOMID_SELF)?.status()?.binding {
        Binding::Unbound { remote } => Ok(remote),
        _ => Ok(DOMID_INVALID),
    }
}

impl<H: Hypercall> Drop for Port<H> {
    fn drop(&mut self) {
        if self.open {
            // An error means that the port was closed already.
            let _ = op::close(&self.xen, self.number);
        }
    }
}

impl<H: Hypercall> fmt::Debug for Port<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Port").field(&self.number.0).finish()
    }
}
