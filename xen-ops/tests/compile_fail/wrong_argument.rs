//! A port where a domain is asked for.

use xen_ops::hypercall::{Hypercall, event_channel_op};
use xen_ops::xen_abi::event_channel::evtchn_port_t;

fn reset(xen: &impl Hypercall, port: evtchn_port_t) {
    let _ = event_channel_op::reset(xen, port);
}

fn main() {}
