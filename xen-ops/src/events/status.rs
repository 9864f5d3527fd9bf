//! What a port is connected to.

use xen_abi::event_channel::{
    EVTCHNSTAT_closed, EVTCHNSTAT_interdomain, EVTCHNSTAT_ipi, EVTCHNSTAT_pirq, EVTCHNSTAT_unbound,
    EVTCHNSTAT_virq, evtchn_port_t,
};
use xen_abi::xen::domid_t;

use crate::hypercall::event_channel_op::Status;

/// The current state of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortStatus {
    /// What it is connected to.
    pub binding: Binding,
    /// The vCPU that receives its events.
    pub vcpu: u32,
}

/// What a port is connected to: `EVTCHNSTAT_*` with the member of the union that goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Binding {
    /// It is not in use.
    Closed,
    /// It can be bound by a remote domain.
    Unbound {
        /// The domain that may bind it.
        remote: domid_t,
    },
    /// It is connected to another domain's port.
    Interdomain {
        /// The other domain.
        remote: domid_t,
        /// The port there.
        port: evtchn_port_t,
    },
    /// It is for a physical interrupt.
    Pirq {
        /// Its number.
        pirq: u32,
    },
    /// It is for a virtual interrupt.
    Virq {
        /// `VIRQ_*`.
        virq: u32,
    },
    /// It is for interrupts between vCPUs.
    Ipi,
    /// A status that this release does not define.
    Unknown {
        /// The number.
        status: u32,
    },
}

impl From<Status> for PortStatus {
    #[allow(non_upper_case_globals, reason = "upstream's constants, as patterns")]
    fn from(Status { status, vcpu, u }: Status) -> Self {
        let binding = match status {
            EVTCHNSTAT_closed => Binding::Closed,
            EVTCHNSTAT_unbound => Binding::Unbound { remote: u.unbound().dom },
            EVTCHNSTAT_interdomain => {
                let there = u.interdomain();
                Binding::Interdomain { remote: there.dom, port: there.port }
            }
            EVTCHNSTAT_pirq => Binding::Pirq { pirq: *u.pirq() },
            EVTCHNSTAT_virq => Binding::Virq { virq: *u.virq() },
            EVTCHNSTAT_ipi => Binding::Ipi,
            status => Binding::Unknown { status },
        };
        Self { binding, vcpu }
    }
}
