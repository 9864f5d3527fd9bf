//! A row that does not say whether Xen takes one argument or many.

use xen_ops::hypercall::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_sched_op(command, argument);
    commands SCHEDOP_*;

    /// Lets others run.
    fn yield_ -> errno;
}

fn main() {}
