//! Event channels: ports that wake the other side up.
//!
//! A [`Port`] is one of the caller's, and is closed when it is dropped. What is here makes ports
//! and sends events; receiving them is the business of whoever has the guest's shared information
//! page and its interrupts. The operations as C has them are in
//! [`hypercall::event_channel_op`](crate::hypercall::event_channel_op).
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

mod status;

use core::fmt;

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::xen::{DOMID_SELF, domid_t};

pub use status::{Binding, PortStatus};

use crate::hypercall::event_channel_op as op;
use crate::hypercall::{Error, Hypercall};

/// An event-channel port of the caller's.
///
/// Dropping it closes it, and nobody hears if that fails: [`close`](Self::close) tells.
///
/// ```
/// # use xen_ops::hypercall::Hypercall;
/// # struct Xen;
/// # unsafe impl Hypercall for Xen {
/// #     unsafe fn call(&self, _: u32, _: [usize; 5]) -> isize { 0 }
/// # }
/// # let xen = Xen;
/// use xen_abi::xen::domid_t;
/// use xen_ops::events::Port;
///
/// // Offered to domain 5, which is told the number, say through xenstore.
/// let port = Port::alloc_unbound(&xen, domid_t(5))?;
/// println!("event-channel = {}", port.number().0);
/// port.notify()?;
/// port.close()?;
/// # Ok::<(), xen_ops::hypercall::Error>(())
/// ```
#[must_use = "a port that is dropped is closed"]
pub struct Port<H: Hypercall> {
    xen: H,
    number: evtchn_port_t,
    open: bool,
}

impl<H: Hypercall> Port<H> {
    /// A port that waits for domain `remote` to bind it.
    ///
    /// # Errors
    ///
    /// -ENOSPC (no port left), -ENOMEM, -EPERM (not allowed). A `remote` that does not exist is
    /// none.
    pub fn alloc_unbound(xen: H, remote: domid_t) -> Result<Self, Error> {
        let number = op::alloc_unbound(&xen, DOMID_SELF, remote)?;
        Ok(Self::new(xen, number))
    }

    /// A port connected to port `remote_port` of domain `remote`, which waits for the caller. An
    /// event is pending on it at once, since earlier ones may have been lost.
    ///
    /// # Errors
    ///
    /// -EINVAL (that port does not wait for the caller), -ESRCH (no such domain), -ENOSPC (no port
    /// left), -ENOMEM, -EPERM (not allowed).
    pub fn bind_interdomain(
        xen: H,
        remote: domid_t,
        remote_port: evtchn_port_t,
    ) -> Result<Self, Error> {
        let number = op::bind_interdomain(&xen, remote, remote_port)?;
        Ok(Self::new(xen, number))
    }

    /// A port for virtual interrupt `virq` (`VIRQ_*` of `xen.h`) of vCPU `vcpu`, which is 0 for one
    /// that belongs to the domain or to the machine.
    ///
    /// # Errors
    ///
    /// -EINVAL (no such interrupt, or not one of that vCPU), -ENOENT (no such vCPU), -EEXIST (it
    /// has a port already), -ENOSPC (no port left), -ENOMEM.
    pub fn bind_virq(xen: H, virq: u32, vcpu: u32) -> Result<Self, Error> {
        let number = op::bind_virq(&xen, virq, vcpu)?;
        Ok(Self::new(xen, number))
    }

    /// A port for interrupts from one of the caller's vCPUs to another: its events arrive at
    /// `vcpu`.
    ///
    /// # Errors
    ///
    /// -ENOENT (no such vCPU), -ENOSPC (no port left), -ENOMEM.
    pub fn bind_ipi(xen: H, vcpu: u32) -> Result<Self, Error> {
        let number = op::bind_ipi(&xen, vcpu)?;
        Ok(Self::new(xen, number))
    }

    const fn new(xen: H, number: evtchn_port_t) -> Self {
        Self { xen, number, open: true }
    }

    /// The port's number: what the other side binds, and which bit or queue its events are.
    #[must_use]
    pub const fn number(&self) -> evtchn_port_t {
        self.number
    }

    /// Sends an event to the other side. Events that have not been seen yet are one.
    ///
    /// As long as nobody has bound the port, the event is lost and this succeeds.
    ///
    /// # Errors
    ///
    /// -EINVAL (the port is for a virtual interrupt; it was closed behind our back), -EPERM (not
    /// allowed).
    pub fn notify(&self) -> Result<(), Error> {
        op::send(&self.xen, self.number)
    }

    /// What the port is connected to.
    ///
    /// # Errors
    ///
    /// None of Xen's own as long as the port is open.
    pub fn status(&self) -> Result<PortStatus, Error> {
        op::status(&self.xen, DOMID_SELF, self.number).map(Into::into)
    }

    /// Closes the port. The other side's waits for the caller again.
    ///
    /// # Errors
    ///
    /// -EINVAL (it was closed behind our back). There is no port to try again with: Xen has no
    /// other reason.
    pub fn close(mut self) -> Result<(), Error> {
        self.open = false;
        op::close(&self.xen, self.number)
    }
}

impl<H: Hypercall> Drop for Port<H> {
    fn drop(&mut self) {
        if self.open {
            // Not closed means that it was none: nothing is left to do.
            let _ = op::close(&self.xen, self.number);
        }
    }
}

impl<H: Hypercall> fmt::Debug for Port<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Port").field(&self.number.0).finish()
    }
}
