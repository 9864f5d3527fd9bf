//! An operation that takes memory away, called as if it did not.

use xen_ops::hypercall::{Hypercall, memory_op};
use xen_ops::xen_abi::xen::{domid_t, xen_pfn_t};

fn take(xen: &impl Hypercall) {
    let _ = memory_op::remove_from_physmap(xen, domid_t(1), xen_pfn_t(2));
}

fn main() {}
