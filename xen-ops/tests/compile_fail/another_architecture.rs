//! An operation that only Arm has.

use xen_ops::hypercall::{Hypercall, grant_table_op};

fn flush(xen: &impl Hypercall) {
    let _ = grant_table_op::cache_flush(xen, &mut []);
}

fn main() {}
