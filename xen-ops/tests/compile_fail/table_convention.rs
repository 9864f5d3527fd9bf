//! A return convention that no hypercall has.

use xen_ops::hypercall::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_sched_op(command, argument);
    commands SCHEDOP_*;

    /// Lets others run.
    single yield_ -> bool;
}

fn main() {}
