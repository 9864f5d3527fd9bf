//! Two domains asked for at once, where Xen answers for one.

use xen_ops::hypercall::{Hypercall, grant_table_op};
use xen_ops::xen_abi::xen::domid_t;

fn sizes(xen: &impl Hypercall) {
    let _ = grant_table_op::query_size(xen, &mut [domid_t(1), domid_t(2)]);
}

fn main() {}
