//! What a table may not say whose structure has the command.

use xen_ops::hypercall::hypercalls;

hypercalls! {
    unsafe hypercall __HYPERVISOR_memory_op(command, argument);
    structure xen_mem_sharing_op { op: u8, domain: domid_t, u: union xen_mem_sharing_op_u }

    /// One structure, one operation.
    batch nominate = NOMINATE { in gfn: u64 } -> errno;

    /// The argument is in the structure, and not elsewhere.
    single fork = FORK(in fork: &mem_sharing_op_fork) -> errno;

    /// The union is what comes out anyway.
    single audit = AUDIT and out u -> errno;
}

fn main() {}
