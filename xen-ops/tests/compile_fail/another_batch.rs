//! Requests to map, handed over to be unmapped.

use xen_ops::hypercall::Hypercall;
use xen_ops::hypercall::grant_table_op::{MapGrantRef, unmap_grant_ref};

fn unmap(xen: &impl Hypercall, maps: &mut [MapGrantRef]) {
    let _ = unsafe { unmap_grant_ref(xen, maps) };
}

fn main() {}
