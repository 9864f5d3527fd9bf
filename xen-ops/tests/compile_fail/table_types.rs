//! Members with other types than upstream's, and slices behind and counted by what cannot do that.

use xen_ops::hypercall::hypercalls;
use xen_ops::xen_abi::event_channel::evtchn_port_t;
use xen_ops::xen_abi::memory::xen_add_to_physmap;
use xen_ops::xen_abi::sched::sched_poll;
use xen_ops::xen_abi::xen::__HYPERVISOR_sched_op;

const COMMAND: u32 = 0;

hypercalls! {
    unsafe hypercall __HYPERVISOR_sched_op(command, argument);

    /// A domain is no bare number.
    single bare_domain = COMMAND: xen_add_to_physmap {
        in domid: u16,
    } -> errno;

    /// The handle is to ports.
    single other_element = COMMAND: sched_poll {
        in ports: [u32] counted by nr_ports,
    } -> errno;

    /// The time is no handle, and ports are no number.
    single no_handle = COMMAND: sched_poll {
        in timeout: [evtchn_port_t] counted by ports,
    } -> errno;
}

fn main() {}
