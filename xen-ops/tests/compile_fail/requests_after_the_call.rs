//! Elements that Xen has had, handed over again with the statuses they got.

use xen_ops::hypercall::Hypercall;
use xen_ops::hypercall::grant_table_op::{MapGrantRef, map_grant_ref};

fn twice(xen: &impl Hypercall, maps: &mut [MapGrantRef]) {
    let batch = unsafe { map_grant_ref(xen, maps) };
    let _ = unsafe { map_grant_ref(xen, batch.elements) };
}

fn main() {}
