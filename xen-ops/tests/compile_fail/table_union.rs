//! Operations whose argument lies in a union: a member of another argument, an argument that the union
//! does not have, and a member of another type.

use xen_ops::hypercall::hypercalls;
use xen_ops::xen_abi::memory::*;
use xen_ops::xen_abi::xen::{__HYPERVISOR_memory_op, domid_t};

const NOMINATE: u8 = 0;
const PAUSE: u8 = 1;
const FORK: u8 = 2;

hypercalls! {
    unsafe hypercall __HYPERVISOR_memory_op(op = XENMEM_sharing_op, argument);
    structure xen_mem_sharing_op { op: command, domain: domid_t, u: union xen_mem_sharing_op_u }

    /// The page that is nominated has no client.
    single nominate = NOMINATE { in client_gfn: u64 } -> errno;

    /// The union has no such argument.
    single pause = PAUSE { in flags: u64 } -> errno;

    /// A domain is no bare number.
    single fork = FORK { in parent_domain: u16 } -> errno;
}

fn main() {}
