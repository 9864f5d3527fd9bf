//! `GNTTABOP_map_grant_ref` and `GNTTABOP_unmap_grant_ref`: what they do, and what is checked first.

mod support;

use support::*;
use xen_abi::grant_table::*;
use xen_model::Kind;
use xen_ops::page::Target as _;

#[test]
fn a_mapped_page_is_the_same_memory() {
    for kind in [Kind::Pv, Kind::Pvh, Kind::Arm] {
        let (xen, a, b) = pair(kind);
        let page = granted(&a, 8, 0, &b);
        view(&page).write(100, b"hello").unwrap();
        let target = b.target();
        let handle = map_okay(&b, &a, 8, false, &target);
        let mut bytes = [0; 5];
        view_of(&target).read(100, &mut bytes).unwrap();
        assert_eq!(&bytes, b"hello");
        view_of(&target).write(100, b"J").unwrap();
        assert_eq!(byte(view(&page), 100), b'J');
        assert_eq!(flags(&a, 8), GTF_permit_access | GTF_reading | GTF_writing);
        assert_eq!((a.pins(grant_ref_t(8)).host_write, b.live_mappings()), (1, 1));
        xen.check_invariants().unwrap();

        assert_eq!(unmap(&b, handle, target.host_addr(), 0), GNTST_okay);
        assert_eq!(flags(&a, 8), GTF_permit_access);
        assert_eq!(byte(view_of(&target), 100), 0xff, "nothing is there");
        xen.check_invariants().unwrap();
    }
}
