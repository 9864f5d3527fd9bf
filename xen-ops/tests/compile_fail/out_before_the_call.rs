//! A status read before there is one.

use xen_ops::hypercall::grant_table_op::MapGrantRef;
use xen_ops::xen_abi::grant_table::{GNTMAP_host_map, grant_ref_t};
use xen_ops::xen_abi::xen::domid_t;

fn main() {
    let map = MapGrantRef::new(0x1000, GNTMAP_host_map, grant_ref_t(8), domid_t(1));
    println!("{}", map.status());
}
