//! Events of a domain for a monitor.

use xen_abi::domctl::*;
use xen_abi::event_channel::evtchn_port_t;
use xen_abi::vm_event::*;
use xen_ops::{DomainId, Hypercall};

use super::Toolstack;
use crate::Error;
use crate::every::every;

/// The monitor of a domain is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the port is needed to receive events"]
pub struct Monitor {
    /// The port of the domain, to bind to: it tells of new requests.
    pub port: evtchn_port_t,
}

/// An event that a monitor can be told of: `XEN_DOMCTL_MONITOR_EVENT_*`, with its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonitorEvent {
    event: u32,
    u: xen_domctl_monitor_op_u,
}

impl MonitorEvent {
    /// An event without options, or with this union of them.
    #[must_use]
    pub const fn new(event: u32, options: xen_domctl_monitor_op_u) -> Self {
        Self { event, u: options }
    }

    /// The guest asks for an event with `HVMOP_guest_request_vm_event`. With `sync` its vCPU waits for the
    /// response.
    #[must_use]
    pub fn guest_request(sync: bool) -> Self {
        let mut u = xen_domctl_monitor_op_u::ZERO;
        u.guest_request_mut().sync = sync.into();
        Self { event: XEN_DOMCTL_MONITOR_EVENT_GUEST_REQUEST, u }
    }

    /// A vCPU writes a control register: `VM_EVENT_X86_CR0` or another of them. With `sync` it waits for the
    /// response; with `on_change` the monitor is told only of another value.
    #[must_use]
    pub fn control_register_write(register: u8, sync: bool, on_change: bool) -> Self {
        let mut u = xen_domctl_monitor_op_u::ZERO;
        let options = u.mov_to_cr_mut();
        options.index = register;
        options.sync = sync.into();
        options.onchangeonly = on_change.into();
        Self { event: XEN_DOMCTL_MONITOR_EVENT_WRITE_CTRLREG, u }
    }
}

/// The response to a request of the monitor's ring that lets the vCPU go on as if nothing had happened. More
/// is done by its members: `VM_EVENT_FLAG_*` in `flags`, and what belongs to them.
#[must_use]
pub fn vm_event_response(request: &vm_event_request_t) -> vm_event_response_t {
    vm_event_response_t {
        version: VM_EVENT_INTERFACE_VERSION,
        flags: request.flags & VM_EVENT_FLAG_VCPU_PAUSED,
        reason: request.reason,
        vcpu_id: request.vcpu_id,
        ..vm_event_response_t::ZERO
    }
}

/// Every method fails with `EPERM` if the caller is no control domain, and with `ESRCH` if there is no such
/// domain.
impl<H: Hypercall> Toolstack<H> {
    /// Puts the ring of the monitor into operation, whose frame is `HVM_PARAM_MONITOR_RING_PFN` of the domain. Once
    /// it is in operation, take the frame away from the domain, which could change requests and responses.
    ///
    /// Its entries are [`vm_event_request_t`], to which [`vm_event_response`] is the answer; xen-io has the ring,
    /// `ring::protocols::VmEvent`. Xen says nothing there about when it wants an event: send one after each response.
    ///
    /// # Errors
    ///
    /// `EBUSY` if it is in operation, `EINVAL` for the caller's own domain or one without vCPUs, `EOPNOTSUPP` if
    /// the parameter is not set, as in a PV domain.
    pub fn enable_monitor(&self, domain: DomainId) -> Result<Monitor, Error> {
        let reply = self.vm_event(domain, XEN_VM_EVENT_ENABLE)?;
        Ok(Monitor { port: evtchn_port_t(reply.u.enable().port) })
    }

    /// Takes the ring of the monitor out of operation. vCPUs that wait for a response go on.
    ///
    /// # Errors
    ///
    /// `EINVAL` for the caller's own domain, or if it is not in operation.
    pub fn disable_monitor(&self, domain: DomainId) -> Result<(), Error> {
        self.vm_event(domain, XEN_VM_EVENT_DISABLE)?;
        Ok(())
    }

    /// Has Xen read the responses in the ring.
    ///
    /// # Errors
    ///
    /// `EINVAL` for the caller's own domain, `ENODEV` if the ring is not in operation.
    pub fn resume_monitor(&self, domain: DomainId) -> Result<(), Error> {
        self.vm_event(domain, XEN_VM_EVENT_RESUME)?;
        Ok(())
    }

    fn vm_event(&self, domain: DomainId, op: u32) -> Result<xen_domctl_vm_event_op, Error> {
        let mode = XEN_DOMCTL_VM_EVENT_OP_MONITOR;
        let mut argument = xen_domctl_vm_event_op { op, mode, ..xen_domctl_vm_event_op::ZERO };
        self.domctl(every!(domctl::vm_event_op), domain, &mut argument)?;
        Ok(argument)
    }

    /// The events that the domain can be asked for: bit n is event n of `XEN_DOMCTL_MONITOR_EVENT_*`.
    ///
    /// # Errors
    ///
    /// `EINVAL` for the caller's own domain.
    pub fn monitor_capabilities(&self, domain: DomainId) -> Result<u32, Error> {
        let op = XEN_DOMCTL_MONITOR_OP_GET_CAPABILITIES;
        let mut argument = xen_domctl_monitor_op { op, ..xen_domctl_monitor_op::ZERO };
        self.domctl(every!(domctl::monitor_op), domain, &mut argument)?;
        Ok(argument.event)
    }

    /// Has the monitor told of an event, or no longer.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` if the domain cannot, `EEXIST` if nothing changes, `EINVAL` for the caller's own domain.
    pub fn monitor_event(
        &self,
        domain: DomainId,
        event: MonitorEvent,
        enable: bool,
    ) -> Result<(), Error> {
        let op = if enable { XEN_DOMCTL_MONITOR_OP_ENABLE } else { XEN_DOMCTL_MONITOR_OP_DISABLE };
        let MonitorEvent { event, u } = event;
        let mut argument = xen_domctl_monitor_op { op, event, u };
        self.domctl(every!(domctl::monitor_op), domain, &mut argument)?;
        Ok(())
    }
}
