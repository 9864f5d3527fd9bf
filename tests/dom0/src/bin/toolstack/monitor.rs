//! The events that a monitor of the domain is told of, and its ring.

#![allow(unsafe_code, reason = "sets a parameter of the domain")]

use std::error::Error;

use xen_linux::{DomainId, PortSet, Privcmd};
use xen_toolstack::xen_abi::hvm::params::HVM_PARAM_MONITOR_RING_PFN;
use xen_toolstack::xen_ops::hypercall::hvm_op;
use xen_toolstack::{MonitorEvent, Toolstack};

use super::answer;

/// The frame of the ring, which is populated.
const RING: u64 = 0x200;

pub(super) fn run(
    toolstack: &Toolstack<&Privcmd>,
    xen: &Privcmd,
    domain: DomainId,
) -> Result<(), Box<dyn Error>> {
    answer("guest events", toolstack.monitor_capabilities(domain).map(|events| events != 0));
    let event = MonitorEvent::guest_request(true);
    answer("guest event", toolstack.monitor_event(domain, event, true));
    answer("guest event again", toolstack.monitor_event(domain, event, true));
    answer("guest event off", toolstack.monitor_event(domain, event, false));

    answer("monitor without a ring", toolstack.enable_monitor(domain));
    answer("monitor off", toolstack.disable_monitor(domain));
    answer("monitor resumed", toolstack.resume_monitor(domain));
    // SAFETY: the domain is not ours, and does nothing with the frame.
    unsafe { hvm_op::set_param(xen, domain.domid(), HVM_PARAM_MONITOR_RING_PFN, RING) }?;
    let monitor = toolstack.enable_monitor(domain)?;
    println!("monitor has a port {}", monitor.port.0 != 0);
    answer("monitor again", toolstack.enable_monitor(domain).map(|_| ()));
    PortSet::open()?.bind_interdomain(domain, monitor.port, ())?;
    println!("monitor is bound");
    answer("monitor resumed", toolstack.resume_monitor(domain));
    answer("monitor off", toolstack.disable_monitor(domain));
    Ok(())
}
