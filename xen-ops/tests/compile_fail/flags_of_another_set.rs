//! A flag of a table's entry where a mapping's are asked for.

use xen_ops::hypercall::grant_table_op::MapGrantRef;
use xen_ops::xen_abi::grant_table::{GNTMAP_host_map, GTF_readonly, grant_ref_t};
use xen_ops::xen_abi::xen::domid_t;

fn main() {
    let _ = GNTMAP_host_map | GTF_readonly;
    let _ = MapGrantRef::new(0x1000, GTF_readonly, grant_ref_t(8), domid_t(1));
}
