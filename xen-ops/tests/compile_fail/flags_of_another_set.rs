//! Flags of two sets in one value, and those of one set where a member holds another.

use xen_ops::xen_abi::grant_table::{GNTMAP_host_map, GTF_readonly, gnttab_map_grant_ref};

fn main() {
    let _ = GNTMAP_host_map | GTF_readonly;
    let _ = gnttab_map_grant_ref { flags: GTF_readonly, ..gnttab_map_grant_ref::ZERO };
}
