//! The grant table itself: size, frames, version.

use xen_abi::GuestHandle;
use xen_abi::grant_table::*;
use xen_abi::memory::*;
use xen_abi::xen::*;
use xen_ops::page::{MapTarget as _, Page as _};
use xen_sim::{Domain, DomainConfig, GuestKind, Xen};

use crate::support::*;

fn size(domain: &Domain) -> (u32, u32) {
    let mut op = [gnttab_query_size { dom: DOMID_SELF, ..gnttab_query_size::ZERO }];
    assert_eq!(grant_op(domain, GNTTABOP_query_size, &mut op), 0);
    assert_eq!(op[0].status, GNTST_okay);
    (op[0].nr_frames, op[0].max_nr_frames)
}

fn setup(domain: &Domain, list: &mut [xen_pfn_t]) -> gnttab_setup_table {
    let mut op = [gnttab_setup_table {
        dom: DOMID_SELF,
        nr_frames: list.len() as u32,
        status: UNTOUCHED,
        frame_list: GuestHandle::from_mut_slice(list),
        ..gnttab_setup_table::ZERO
    }];
    assert_eq!(grant_op(domain, GNTTABOP_setup_table, &mut op), 0);
    op[0]
}

fn status_frames(domain: &Domain, list: &mut [u64]) -> xen_abi::GrantStatus {
    let mut op = [gnttab_get_status_frames {
        nr_frames: list.len() as u32,
        dom: DOMID_SELF,
        status: UNTOUCHED,
        frame_list: GuestHandle::from_mut_slice(list),
    }];
    assert_eq!(grant_op(domain, GNTTABOP_get_status_frames, &mut op), 0);
    op[0].status
}

#[test]
fn the_table_grows_and_never_shrinks() {
    for kind in [GuestKind::Pv, GuestKind::Pvh, GuestKind::Arm] {
        let (xen, a) = machine(kind);
        assert_eq!(size(&a), (1, 64));
        let mut list = [xen_pfn_t(0); 4];
        assert_eq!(setup(&a, &mut list).status, GNTST_okay);
        assert_eq!(size(&a), (4, 64));
        let first = if kind == GuestKind::Pv { list[0] } else { pfn(TABLE_GFN) };
        assert_eq!(list[0], first);
        // Frames that are not mapped anywhere yet have no number. A guest of 32 bits is told of none from there on.
        let number = if COMPAT { xen_pfn_t(0) } else { xen_pfn_t(!0) };
        assert_eq!(list[3] == number, kind != GuestKind::Pv);
        assert_eq!(setup(&a, &mut list[..1]).status, GNTST_okay);
        assert_eq!(size(&a), (4, 64));
        assert_eq!(setup(&a, &mut []).status, GNTST_okay);
        a.faults().no_memory(1);
        assert_eq!(setup(&a, &mut list).status, GNTST_okay, "it has these");
        assert_eq!(setup(&a, &mut [xen_pfn_t(0); 5]).status, GNTST_general_error);
        assert_eq!(size(&a), (4, 64));
        xen.check_invariants().unwrap();
    }
}

#[test]
fn mapping_a_frame_beyond_the_table_grows_it() {
    let (xen, a) = machine(GuestKind::Pvh);
    let table = XENMAPSPACE_grant_table;
    assert_eq!(add_to_physmap(&a, table, 63, TABLE_GFN + 63), 0);
    assert_eq!(size(&a), (64, 64));
    assert_eq!(add_to_physmap(&a, table, 64, TABLE_GFN + 64), -22);
    let status = u64::from(XENMAPIDX_grant_table_status);
    assert_eq!(add_to_physmap(&a, table, status, STATUS_GFN), -22, "no such frame in version 1");
    assert_eq!(set_version(&a, 2).0, 0);
    assert_eq!(add_to_physmap(&a, table, status, STATUS_GFN), 0);
    assert_eq!(add_to_physmap(&a, table, status | 8, STATUS_GFN), -22);
    xen.check_invariants().unwrap();
}

#[test]
fn status_frames_grow_the_table_too() {
    let (_, a) = machine(GuestKind::Pvh);
    assert_eq!(set_version(&a, 2).0, 0);
    let status = u64::from(XENMAPIDX_grant_table_status);
    assert_eq!(add_to_physmap(&a, XENMAPSPACE_grant_table, status | 1, STATUS_GFN), 0);
    assert_eq!(size(&a), (16, 64));
}

#[test]
fn status_frames_of_a_pv_guest_are_listed() {
    let (_, a) = machine(GuestKind::Pv);
    assert_eq!(status_frames(&a, &mut [0; 1]), GNTST_general_error, "none in version 1");
    assert_eq!(status_frames(&a, &mut []), GNTST_okay);
    assert_eq!(setup(&a, &mut [xen_pfn_t(0); 9]).status, GNTST_okay);
    assert_eq!(set_version(&a, 2).0, 0);
    let mut list = [0; 2];
    assert_eq!(status_frames(&a, &mut list), GNTST_okay);
    assert_eq!(list[1], list[0] + 1);
    assert_eq!(status_frames(&a, &mut [0; 3]), GNTST_general_error);
}

#[test]
fn status_frames_that_a_pv_guest_has_mapped_keep_it_in_version_2() {
    let (xen, a) = machine(GuestKind::Pv);
    assert_eq!(set_version(&a, 2).0, 0);
    let mut list = [0];
    assert_eq!(status_frames(&a, &mut list), GNTST_okay);
    let target = a.target();
    let update = |entry: u64| {
        // 32-bit x86 passes it in two registers.
        let high = if COMPAT { (entry >> 32) as usize } else { 0 };
        let arguments = [target.host_addr() as usize, entry as usize, high, 0, 0];
        call(&a, __HYPERVISOR_update_va_mapping, arguments)
    };
    assert_eq!(update(list[0] << 12 | 3), 0);
    assert_eq!(target.address(), a.raw_table().status());
    xen.check_invariants().unwrap();
    assert_eq!(set_version(&a, 1), (-16, 2));
    assert_eq!(update(0x7fff_ffff << 12 | 3), -22, "no such frame, and all stays");
    assert_eq!(update(0), 0);
    assert_eq!(set_version(&a, 1), (0, 1));
    xen.check_invariants().unwrap();
}

#[test]
fn the_version_can_be_asked_and_chosen() {
    let (_, a, b) = pair(GuestKind::Pvh);
    let version = |domain: &Domain, dom| {
        let mut op = [gnttab_get_version { dom, ..gnttab_get_version::ZERO }];
        (grant_op(domain, GNTTABOP_get_version, &mut op), op[0].version)
    };
    assert_eq!(version(&a, DOMID_SELF), (0, 1));
    assert_eq!(version(&a, domid(&b)), (-1, 0));
    assert_eq!(version(&a, domid_t(77)), (-3, 0));
    assert_eq!(set_version(&a, 0), (-22, 1));
    assert_eq!(set_version(&a, 3), (-22, 1));
    assert_eq!(set_version(&a, 1), (0, 1));
    assert_eq!(set_version(&a, 2), (0, 2));
    assert_eq!(version(&a, DOMID_SELF), (0, 2));
    assert_eq!(set_version(&a, 3), (-22, 2), "what it is, whatever was asked for");
    let (_, arm) = machine(GuestKind::Arm);
    assert_eq!(set_version(&arm, 2), (-38, 1));
    let at = [GNTTABOP_set_version as usize, 0, 1, 0, 0];
    assert_eq!(call(&arm, __HYPERVISOR_grant_table_op, at), -14);
}

#[test]
fn reserved_entries_survive_a_change_of_version_and_no_others() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let page = granted(&a, 1, GTF_readonly, &b);
    // Where version 2 has entry 8.
    let _other = granted(&a, 16, GrantEntryFlags::empty(), &b);
    let target = b.target();
    let handle = map_okay(&b, &a, 1, true, &target);
    assert_eq!(set_version(&a, 2), (0, 2));
    let header = header2(&a, 1).load(std::sync::atomic::Ordering::Acquire);
    assert_eq!(GrantEntryFlags(header as u16), GTF_permit_access | GTF_readonly);
    assert_eq!(status(&a, 1), GTF_reading);
    assert_eq!(header2(&a, 8).load(std::sync::atomic::Ordering::Acquire), 0);
    xen.check_invariants().unwrap();
    assert_eq!(unmap(&b, handle, target.host_addr(), 0), GNTST_okay);
    assert!(status(&a, 1).is_empty());
    // The last frame that an entry of version 1 can name.
    grant2(&a, 2, GTF_permit_access, domid(&b), 0, u64::from(u32::MAX));
    assert_eq!(set_version(&a, 1), (0, 1));
    assert_eq!(flags(&a, 2), GTF_permit_access);
    assert_eq!(flags(&a, 1), GTF_permit_access | GTF_readonly);
    let again = map_okay(&b, &a, 1, true, &target);
    assert_eq!(set_version(&a, 2).0, 0);
    assert_eq!(set_version(&a, 1).0, 0);
    assert_eq!(flags(&a, 1), GTF_permit_access | GTF_readonly | GTF_reading);
    assert_eq!(unmap(&b, again, target.host_addr(), 0), GNTST_okay);
    xen.check_invariants().unwrap();
    drop(page);
}

#[test]
fn a_table_in_use_keeps_its_version() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let target = b.target();
    let handle = map_okay(&b, &a, 8, false, &target);
    assert_eq!(set_version(&a, 2), (-16, 1));
    assert_eq!(unmap(&b, handle, target.host_addr(), 0), GNTST_okay);
    a.faults().no_memory(1);
    assert_eq!(set_version(&a, 2), (-12, 1));
    assert_eq!(set_version(&a, 2), (0, 2));
    a.faults().copying(1);
    assert_eq!(set_version(&a, 1), (-11, 2));
    // Reserved entries that version 1 cannot say.
    grant2(&a, 7, GTF_permit_access, domid(&b), 0, 1 << 32);
    assert_eq!(set_version(&a, 1), (-34, 2));
    grant2(&a, 7, GTF_transitive, domid(&b), 0, 0);
    assert_eq!(set_version(&a, 1), (-34, 2));
    grant2(&a, 7, GTF_permit_access, domid(&b), 0, pfn_to_u64(page.frame()));
    // Status frames that a toolstack has mapped.
    let tools = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(8).privileged());
    let mut gfns = [xen_pfn_t(0x20_0000)];
    let mut acquire = xen_mem_acquire_resource {
        domid: domid(&a),
        type_: XENMEM_resource_grant_table as u16,
        id: XENMEM_resource_grant_table_id_status,
        nr_frames: 1,
        frame_list: GuestHandle::from_mut_slice(&mut gfns),
        ..xen_mem_acquire_resource::ZERO
    };
    assert_eq!(memory_op(&tools, XENMEM_acquire_resource, &mut acquire), 0);
    assert_eq!(set_version(&a, 1), (-16, 2));
    assert!(a.crash_reason().is_some());
    xen.check_invariants().unwrap();
}

#[test]
fn limits_that_xen_refuses_are_refused() {
    use xen_sim::CreateError::*;

    let xen = Xen::builder().frames(16).build();
    let error = |config| xen.domain(config).map(|_| ()).unwrap_err();
    let config = DomainConfig::new(GuestKind::Arm).pages(4);
    assert_eq!(error(config.clone().max_grant_frames(0)), BadLimit);
    assert_eq!(error(config.clone().max_grant_version(2)), BadLimit);
    assert_eq!(error(DomainConfig::new(GuestKind::Pv).max_grant_version(3)), BadLimit);
    assert_eq!(error(config.clone().pages(17)), NoMemory);
    assert_eq!(error(config.clone().domid(DOMID_SELF)), NoDomid);
    let domain = xen.domain(config.clone().domid(domid_t(5))).unwrap();
    assert_eq!(error(config.clone().domid(domid_t(5))), Exists(domid(&domain)));
    xen.domain(config.pages(12)).unwrap();
    xen.check_invariants().unwrap();
}

#[test]
#[cfg(target_pointer_width = "64")]
fn the_list_of_status_frames_has_an_address_of_the_guests_since_4_17() {
    use xen_sim::Release::{V4_14, V4_17};
    for (release, expected) in [(V4_14, (0, GNTST_general_error)), (V4_17, (-14, UNTOUCHED))] {
        let xen = Xen::builder().release(release).build();
        let pv = guest(&xen, DomainConfig::new(GuestKind::Pv).pages(8));
        let frame_list = GuestHandle::from_addr(0xffff_8300_0000_0000);
        // There is none in version 1.
        let (nr_frames, dom, status) = (1, DOMID_SELF, UNTOUCHED);
        let mut op = [gnttab_get_status_frames { nr_frames, dom, status, frame_list }];
        let result = grant_op(&pv, GNTTABOP_get_status_frames, &mut op);
        assert_eq!((result, op[0].status), expected, "{release:?}");
    }
}

/// Xen itself writes an entry when it swaps two: it is there though the guest has not mapped its frame.
#[test]
fn an_entry_is_swapped_to_a_frame_that_is_not_mapped() {
    let (_xen, a, b) = pair(GuestKind::Arm);
    let swap = |ref_a, ref_b| {
        let (ref_a, ref_b) = (grant_ref_t(ref_a), grant_ref_t(ref_b));
        let mut op = [gnttab_swap_grant_ref { ref_a, ref_b, ..gnttab_swap_grant_ref::ZERO }];
        (grant_op(&a, GNTTABOP_swap_grant_ref, &mut op), op[0].status)
    };
    // The table has one frame yet.
    assert_eq!(swap(8, 512), (0, GNTST_bad_gntref));
    let mut list = [xen_pfn_t(0); 3];
    setup(&a, &mut list);
    let _pages = [8, 512].map(|ref_| granted(&a, ref_, GrantEntryFlags::empty(), &b));
    assert_eq!(swap(8, 1024), (0, GNTST_okay));
    let own = b.page().unwrap();
    let from = |ref_| copy(&b, by_ref(&a, ref_, 0), by_frame(&own, 0), 8, GNTCOPY_source_gref);
    assert_eq!((from(1024), from(8)), (GNTST_okay, GNTST_general_error));
    assert_eq!(from(512), GNTST_general_error, "the guest has not mapped this one");
}
