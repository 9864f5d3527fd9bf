//! Memory that is populated on demand.

use xen_abi::GuestHandle;
use xen_abi::grant_table::*;
use xen_abi::memory::*;
use xen_abi::xen::*;
use xen_ops::page::Page as _;
use xen_sim::{Domain, DomainConfig, GuestKind, Release, Xen};

use crate::support::*;

/// A guest frame that a domain of the tests does not have.
const GFN: u64 = 0x5000;

struct Pair {
    xen: Xen,
    guest: Domain,
    tools: Domain,
}

fn pair_of(kind: GuestKind) -> Pair {
    let xen = Xen::new();
    let guest = guest(&xen, DomainConfig::new(kind).pages(8).max_pages(32));
    let tools = xen.domain(DomainConfig::new(kind).pages(8).privileged()).unwrap();
    Pair { xen, guest, tools }
}

fn extent(
    caller: &Domain,
    command: u32,
    dom: domid_t,
    gfn: u64,
    order: u32,
    flags: MemoryFlags,
) -> isize {
    let mut list = [pfn(gfn)];
    let mut op = xen_memory_reservation {
        nr_extents: 1,
        extent_start: GuestHandle::from_mut_slice(&mut list),
        extent_order: order,
        mem_flags: flags,
        domid: dom,
        ..xen_memory_reservation::ZERO
    };
    memory_op(caller, command, &mut op)
}

impl Pair {
    /// Marks frames of the guest's.
    fn mark(&self, gfn: u64, order: u32) -> isize {
        let flags = XENMEMF_populate_on_demand;
        extent(&self.tools, XENMEM_populate_physmap, domid(&self.guest), gfn, order, flags)
    }

    /// The answer, and the pages of the guest, of its cache, and its entries.
    fn target(&self, caller: &Domain, pages: Option<u64>) -> (isize, [u64; 3]) {
        let command = if pages.is_some() { XENMEM_set_pod_target } else { XENMEM_get_pod_target };
        let (domid, target_pages) = (domid(&self.guest), pages.unwrap_or(0));
        let mut op = xen_pod_target { target_pages, domid, ..xen_pod_target::ZERO };
        let answer = memory_op(caller, command, &mut op);
        (answer, [op.tot_pages, op.pod_cache_pages, op.pod_entries])
    }
}

#[test]
fn a_target_fills_the_cache_for_the_entries() {
    let pair = pair_of(GuestKind::Pvh);
    assert_eq!(pair.target(&pair.tools, None), (0, [8, 0, 0]));
    // Nothing is populated on demand: nothing to do.
    assert_eq!(pair.target(&pair.tools, Some(20)), (0, [8, 0, 0]));
    assert_eq!(pair.mark(GFN, 3), 1);
    assert_eq!(pair.target(&pair.tools, None), (0, [8, 0, 8]));
    assert_eq!(pair.target(&pair.tools, Some(12)), (0, [12, 4, 8]));
    // A smaller target waits for the guest's balloon driver, and none is above the most pages.
    assert_eq!(pair.target(&pair.tools, Some(9)), (0, [12, 4, 8]));
    assert_eq!(pair.target(&pair.tools, Some(33)).0, -22);
    // The cache is not larger than the entries are many.
    assert_eq!(pair.target(&pair.tools, Some(30)), (0, [16, 8, 8]));
    assert_eq!(pair.target(&pair.guest, None).0, -1);
    assert_eq!(pair.guest.pages(), 16);
    assert_eq!(pair.xen.check_invariants(), Ok(()));
}

#[test]
fn a_frame_is_populated_when_it_is_used() {
    let pair = pair_of(GuestKind::Pvh);
    let (guest, b) = (&pair.guest, guest(&pair.xen, DomainConfig::new(GuestKind::Pvh).pages(8)));
    assert_eq!((pair.mark(GFN, 2), pair.target(&pair.tools, Some(10)).0), (1, 0));
    // By a grant that is copied from, and by the guest itself.
    grant(guest, 8, GTF_permit_access, domid(&b), pfn(GFN));
    let own = b.page().unwrap();
    let status = copy(&b, by_ref(guest, 8, 0), by_frame(&own, 0), 8, GNTCOPY_source_gref);
    assert_eq!(status, GNTST_okay);
    assert_eq!(pair.target(&pair.tools, None), (0, [10, 1, 3]));
    let _ = guest.address_of(pfn(GFN + 1));
    assert_eq!(pair.target(&pair.tools, None), (0, [10, 0, 2]));
    // There is no more.
    let _ = guest.address_of(pfn(GFN + 2));
    assert!(guest.crash_reason().is_some());
    assert_eq!(pair.xen.check_invariants(), Ok(()));
    pair.guest.destroy();
    assert_eq!(pair.xen.check_invariants(), Ok(()));
}

#[test]
fn entries_go_when_memory_is_decreased_or_put_there() {
    let pair = pair_of(GuestKind::Pvh);
    assert_eq!((pair.mark(GFN, 2), pair.target(&pair.tools, Some(12)).1), (1, [12, 4, 4]));
    let dom = domid(&pair.guest);
    // An entry is forgotten, with the page of the cache that it had.
    assert_eq!(
        extent(&pair.guest, XENMEM_decrease_reservation, DOMID_SELF, GFN, 0, MemoryFlags::empty()),
        1
    );
    assert_eq!(pair.target(&pair.tools, None), (0, [11, 3, 3]));
    assert_eq!(
        extent(&pair.tools, XENMEM_populate_physmap, dom, GFN + 1, 0, MemoryFlags::empty()),
        1
    );
    assert_eq!(pair.target(&pair.tools, None), (0, [12, 3, 2]));
    // With too small a cache a page that is given up goes there.
    assert_eq!(pair.mark(GFN + 0x100, 3), 1);
    let page = pair.guest.page().unwrap();
    let frame = pfn_to_u64(page.frame());
    assert_eq!(
        extent(
            &pair.guest,
            XENMEM_decrease_reservation,
            DOMID_SELF,
            frame,
            0,
            MemoryFlags::empty()
        ),
        1
    );
    assert_eq!(pair.target(&pair.tools, None), (0, [12, 4, 10]));
    assert_eq!(pair.xen.check_invariants(), Ok(()));
}

#[test]
fn frames_are_marked_for_others_and_where_nothing_is() {
    for (kind, expected) in [(GuestKind::Pvh, 1), (GuestKind::Pv, 1), (GuestKind::Arm, 0)] {
        let pair = pair_of(kind);
        assert_eq!(pair.mark(GFN, 0), expected, "{kind:?}");
        let flags = XENMEMF_populate_on_demand;
        let own = domid(&pair.tools);
        let itself = extent(&pair.tools, XENMEM_populate_physmap, own, GFN, 0, flags);
        assert_eq!(itself, 0, "{kind:?}");
    }
    let pair = pair_of(GuestKind::Pvh);
    let page = pair.guest.page().unwrap();
    assert_eq!((pair.mark(pfn_to_u64(page.frame()), 0), pair.mark(GFN, 21)), (0, 0));
    // Larger extents than those that are populated at once; marking twice is once.
    assert_eq!((pair.mark(0x10_0000, 10), pair.mark(0x10_0000, 10)), (1, 1));
    assert_eq!(pair.target(&pair.tools, None).1, [8, 0, 1024]);
    // Others than translated guests have no target, but in 4.14.
    for (release, expected) in [(Release::V4_14, 0), (Release::V4_20, -22)] {
        let xen = Xen::builder().release(release).build();
        let guest = xen.domain(DomainConfig::new(GuestKind::Pv).pages(8)).unwrap();
        let tools = xen.domain(DomainConfig::new(GuestKind::Pv).pages(8).privileged()).unwrap();
        let pair = Pair { xen, guest, tools };
        assert_eq!(pair.target(&pair.tools, None).0, expected);
    }
}
