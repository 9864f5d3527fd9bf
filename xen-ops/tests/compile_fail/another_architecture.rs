//! An operation that only Arm has.

use xen_ops::hypercall::{Hypercall, hypercalls};

hypercalls! {
    unsafe hypercall __HYPERVISOR_sched_op(command, argument);
    commands SCHEDOP_*;

    /// Lets others run.
    single yield_ on arm -> errno;
}

fn give_way(xen: &impl Hypercall) {
    let _ = yield_(xen);
}

fn main() {}
