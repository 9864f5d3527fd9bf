//! A hypercall that takes what none does.

use xen_ops::hypercall::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_sched_op(command, address);
}

fn main() {}
