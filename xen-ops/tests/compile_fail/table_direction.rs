//! A member that does not say which way it goes.

use xen_ops::hypercall::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_sched_op(command, argument);
    commands SCHEDOP_*, arguments sched_*;

    /// Ties the vCPU to a physical CPU.
    single pin_override { pcpu: i32 } -> errno;
}

fn main() {}
