//! One element, where Xen takes an array.

use xen_ops::hypercall::Hypercall;
use xen_ops::hypercall::grant_table_op::{SwapGrantRef, swap_grant_ref};
use xen_ops::xen_abi::grant_table::grant_ref_t;

fn swap(xen: &impl Hypercall) {
    let mut swap = SwapGrantRef::new(grant_ref_t(8), grant_ref_t(9));
    let _ = unsafe { swap_grant_ref(xen, &mut swap) };
}

fn main() {}
