//! `GNTTABOP_map_grant_ref` and `GNTTABOP_unmap_grant_ref`: what they do, and what is checked
//! first.

use crate::support::{self, *};
use xen_abi::grant_table::*;
use xen_abi::memory::XENMAPSPACE_grant_table;
use xen_abi::xen::*;
use xen_ops::page::{MapTarget as _, Page as _};
use xen_sim::{DomainConfig, GuestKind, Release, Xen};

#[test]
fn a_mapped_page_is_the_same_memory() {
    for kind in [GuestKind::Pv, GuestKind::Pvh, GuestKind::Arm] {
        let (xen, a, b) = pair(kind);
        let page = granted(&a, 8, GrantEntryFlags::empty(), &b);
        page.view().write(100, b"hello").unwrap();
        let target = b.target();
        let handle = map_okay(&b, &a, 8, false, &target);
        let mut bytes = [0; 5];
        view_of(&target).read(100, &mut bytes).unwrap();
        assert_eq!(&bytes, b"hello");
        view_of(&target).write(100, b"J").unwrap();
        assert_eq!(byte(page.view(), 100), b'J');
        assert_eq!(flags(&a, 8), GTF_permit_access | GTF_reading | GTF_writing);
        assert_eq!((a.pins(grant_ref_t(8)).host_write, b.live_mappings()), (1, 1));
        xen.check_invariants().unwrap();

        assert_eq!(unmap(&b, handle, target.host_addr(), 0), GNTST_okay);
        assert_eq!(flags(&a, 8), GTF_permit_access);
        assert_eq!(byte(view_of(&target), 100), 0xff, "nothing is there");
        xen.check_invariants().unwrap();
    }
}

#[test]
fn an_entry_must_permit_what_is_asked_for() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let page = a.page().unwrap();
    let target = b.target();
    let general = GNTST_general_error;
    for (flags, to, readonly, status) in [
        (GTF_invalid, domid(&b), true, general),
        (GTF_permit_access, domid(&a), true, general),
        (GTF_accept_transfer, domid(&b), true, general),
        (GTF_permit_access | GTF_sub_page, domid(&b), true, general),
        (GTF_permit_access | GTF_readonly, domid(&b), false, general),
        (GTF_permit_access | GTF_readonly, domid(&b), true, GNTST_okay),
    ] {
        grant(&a, 8, flags, to, page.frame());
        let readonly = if readonly { GNTMAP_readonly } else { GrantMapFlags::empty() };
        let op = map(&b, &a, 8, GNTMAP_host_map | readonly, &target);
        assert_eq!(op.status, status, "{flags:?}");
        let marked = if status.is_okay() { GTF_reading } else { GrantEntryFlags::empty() };
        assert_eq!(support::flags(&a, 8), flags | marked);
        xen.check_invariants().unwrap();
    }
}

#[test]
fn one_who_reads_already_needs_no_permission_to_read_again() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let page = granted(&a, 8, GTF_readonly, &b);
    let (first, second) = (b.target(), b.target());
    map_okay(&b, &a, 8, true, &first);
    // The guest breaks the rule and changes a pinned entry.
    grant(&a, 8, GTF_reading, DOMID_SELF, page.frame());
    let handle = map_okay(&b, &a, 8, true, &second);
    // To write is another matter.
    grant(&a, 8, GTF_permit_access | GTF_readonly | GTF_reading, domid(&b), page.frame());
    let third = b.target();
    assert_eq!(map(&b, &a, 8, GNTMAP_host_map, &third).status, GNTST_general_error);
    assert_eq!(a.pins(grant_ref_t(8)).host_read, 2);
    assert_eq!(unmap(&b, handle, second.host_addr(), 0), GNTST_okay);
    assert_eq!(flags(&a, 8) & GTF_reading, GTF_reading, "still read");
    xen.check_invariants().unwrap();
}

#[test]
fn one_who_writes_already_needs_no_permission_to_write_again() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    map_okay(&b, &a, 8, false, &b.target());
    let in_use = GTF_reading | GTF_writing;
    grant(&a, 8, GTF_permit_access | GTF_readonly | in_use, domid(&b), page.frame());
    map_okay(&b, &a, 8, false, &b.target());
    xen.check_invariants().unwrap();
}

#[test]
fn each_counter_goes_to_128() {
    let (xen, a, b) = pair(GuestKind::Pv);
    let page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let target = b.target();
    for _ in 0..128 {
        assert_eq!(map(&b, &a, 8, GNTMAP_device_map, &target).status, GNTST_okay);
    }
    assert_eq!(map(&b, &a, 8, GNTMAP_device_map, &target).status, GNTST_general_error);
    map_okay(&b, &a, 8, false, &target);
    assert_eq!(a.pins(grant_ref_t(8)).total(), 129);
    assert_eq!(a.references(page.frame()), 130);
    xen.check_invariants().unwrap();
}

#[test]
fn pins_are_kept_for_each_kind_of_mapping() {
    let (xen, a, b) = pair(GuestKind::Pv);
    let page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let target = b.target();
    let both = GNTMAP_host_map | GNTMAP_device_map;
    let op = map(&b, &a, 8, both, &target);
    assert_eq!(op.dev_bus_addr, pfn_to_u64(page.frame()) << 12);
    let pins = a.pins(grant_ref_t(8));
    assert_eq!((pins.host_write, pins.device_write, pins.total()), (1, 1, 2));
    // Nothing named, nothing unmapped, and all is well.
    assert_eq!(unmap(&b, op.handle, 0, 0), GNTST_okay);
    assert_eq!(a.pins(grant_ref_t(8)).total(), 2);
    // Half of it leaves the handle.
    assert_eq!(unmap(&b, op.handle, target.host_addr(), 0), GNTST_okay);
    assert_eq!((a.pins(grant_ref_t(8)).total(), b.live_mappings()), (1, 1));
    assert_eq!(flags(&a, 8), GTF_permit_access | GTF_reading | GTF_writing);
    xen.check_invariants().unwrap();
    assert_eq!(unmap(&b, op.handle, 0, op.dev_bus_addr), GNTST_okay);
    assert_eq!((flags(&a, 8), b.live_mappings()), (GTF_permit_access, 0));
    assert_eq!(unmap(&b, op.handle, 0, op.dev_bus_addr), GNTST_bad_handle);
}

#[test]
fn writing_ends_before_reading_does() {
    let (_, a, b) = pair(GuestKind::Pvh);
    let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let (reader, writer) = (b.target(), b.target());
    map_okay(&b, &a, 8, true, &reader);
    assert_eq!(flags(&a, 8), GTF_permit_access | GTF_reading);
    let handle = map_okay(&b, &a, 8, false, &writer);
    assert_eq!(flags(&a, 8), GTF_permit_access | GTF_reading | GTF_writing);
    assert_eq!(unmap(&b, handle, writer.host_addr(), 0), GNTST_okay);
    assert_eq!(flags(&a, 8), GTF_permit_access | GTF_reading);
}

#[test]
fn freed_handles_go_to_the_end_of_the_queue_and_one_is_never_given() {
    let xen = Xen::new();
    let a = guest(&xen, DomainConfig::new(GuestKind::Pv).pages(8));
    let b = guest(&xen, DomainConfig::new(GuestKind::Pv).pages(8).max_maptrack_frames(1));
    let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let target = b.target();
    let device = |expected| {
        let op = map(&b, &a, 8, GNTMAP_device_map | GNTMAP_readonly, &target);
        assert_eq!((op.status, op.handle.0), expected);
        op
    };
    let first = device((GNTST_okay, 0));
    device((GNTST_okay, 1));
    assert_eq!(unmap(&b, first.handle, 0, first.dev_bus_addr), GNTST_okay);
    for handle in 2..=127 {
        device((GNTST_okay, handle));
    }
    // The counter is full with those 127 and handle 1: the rest goes by another entry.
    let _other = granted(&a, 9, GrantEntryFlags::empty(), &b);
    for handle in (128..256).chain([0]).take(128) {
        let op = map(&b, &a, 9, GNTMAP_device_map, &target);
        assert_eq!((op.status, op.handle.0), (GNTST_okay, handle));
    }
    assert_eq!(map(&b, &a, 9, GNTMAP_device_map, &target).status, GNTST_no_space);
    xen.check_invariants().unwrap();
}

#[test]
fn before_4_16_no_handle_is_no_device_space() {
    for (release, status) in
        [(Release::V4_14, GNTST_no_device_space), (Release::V4_17, GNTST_no_space)]
    {
        let xen = Xen::builder().release(release).build();
        let a = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(2));
        let b = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(2).max_maptrack_frames(0));
        let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
        let op = map(&b, &a, 8, GNTMAP_host_map, &b.target());
        assert_eq!(op.status, status);
    }
}

/// D12: what was at a target is not there any more after the mapping goes.
#[test]
fn d12_a_page_that_was_mapped_over_is_dead() {
    for kind in [GuestKind::Pvh, GuestKind::Arm] {
        let (_, a, b) = pair(kind);
        let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
        let heap = b.page().unwrap();
        let mut op = map_op(&a, 8, GNTMAP_host_map, &b.target());
        op.host_addr = pfn_to_u64(heap.frame()) << 12;
        assert_eq!(grant_op(&b, GNTTABOP_map_grant_ref, std::slice::from_mut(&mut op)), 0);
        assert_eq!(op.status, GNTST_okay);
        assert_eq!(unmap(&b, op.handle, op.host_addr, 0), GNTST_okay);
        assert_eq!(machine_frame(&b, pfn_to_u64(heap.frame())), None);
        // Neither can it be granted.
        grant(&b, 8, GTF_permit_access, domid(&a), heap.frame());
        assert_eq!(map(&a, &b, 8, GNTMAP_host_map, &a.target()).status, GNTST_bad_page);
    }
}

#[test]
fn x86_crashes_a_guest_that_maps_over_a_mapping() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let _pages = [
        granted(&a, 8, GrantEntryFlags::empty(), &b),
        granted(&a, 9, GrantEntryFlags::empty(), &b),
    ];
    let target = b.target();
    map_okay(&b, &a, 8, false, &target);
    assert_eq!(map(&b, &a, 9, GNTMAP_host_map, &target).status, GNTST_general_error);
    assert!(b.crash_reason().is_some());
    assert_eq!(flags(&a, 9), GTF_permit_access);
    xen.check_invariants().unwrap();
}

#[test]
fn arm_takes_a_hole_for_unmapped() {
    let (xen, a, b) = pair(GuestKind::Arm);
    let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let (target, hole) = (b.target(), b.target());
    let handle = map_okay(&b, &a, 8, false, &target);
    assert_eq!(
        unmap(&b, handle, pfn_to_u64(b.page().unwrap().frame()) << 12, 0),
        GNTST_general_error
    );
    assert_eq!(unmap(&b, handle, hole.host_addr(), 0), GNTST_okay);
    assert_eq!(flags(&a, 8), GTF_permit_access);
    drop(xen);
}

/// 4.14 does not look at what it unmaps.
#[test]
fn arm_unmaps_another_frame_before_4_15() {
    for (release, status) in [(Release::V4_14, GNTST_okay), (Release::V4_17, GNTST_general_error)] {
        let xen = Xen::builder().release(release).build();
        let [a, b] = [(); 2].map(|()| guest(&xen, DomainConfig::new(GuestKind::Arm).pages(8)));
        let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
        let handle = map_okay(&b, &a, 8, false, &b.target());
        let own = pfn_to_u64(b.page().unwrap().frame());
        assert_eq!(unmap(&b, handle, own << 12, 0), status, "{release:?}");
        assert_eq!(machine_frame(&b, own).is_none(), status == GNTST_okay, "{release:?}");
    }
}

/// Of two frames, and of two mappings of the same frame, one is not the other.
#[test]
fn x86_unmaps_at_the_address_of_the_mapping_alone() {
    for kind in [GuestKind::Pv, GuestKind::Pvh] {
        let (xen, a, b) = pair(kind);
        let _pages = [8, 9].map(|ref_| granted(&a, ref_, GrantEntryFlags::empty(), &b));
        let targets = [(); 3].map(|()| b.target());
        let [written, read, other] = [(8, false), (8, true), (9, false)];
        let handles = [(written, 0), (read, 1), (other, 2)]
            .map(|((ref_, readonly), at)| map_okay(&b, &a, ref_, readonly, &targets[at]));
        let unmap =
            |handle: usize, at: usize| unmap(&b, handles[handle], targets[at].host_addr(), 0);
        assert_eq!((unmap(0, 2), unmap(2, 0)), (GNTST_general_error, GNTST_general_error));
        if kind == GuestKind::Pv {
            assert_eq!((unmap(0, 1), unmap(1, 0)), (GNTST_general_error, GNTST_general_error));
        }
        assert_eq!([0, 1, 2].map(|at| unmap(at, at)), [GNTST_okay; 3], "{kind:?}");
        xen.check_invariants().unwrap();
    }
}

/// A device's address is checked if there is one, though 4.14 checks any that is given.
#[test]
fn a_wrong_bus_address_is_refused_where_it_is_looked_at() {
    for release in [Release::V4_14, Release::V4_17] {
        let xen = Xen::builder().release(release).build();
        let [a, b] = [(); 2].map(|()| guest(&xen, DomainConfig::new(GuestKind::Pv).pages(8)));
        let page = granted(&a, 8, GrantEntryFlags::empty(), &b);
        let right = machine_frame(&a, pfn_to_u64(page.frame())).unwrap() << 12;
        let (host, both) = (GNTMAP_host_map, GNTMAP_host_map | GNTMAP_device_map);
        let old = release == Release::V4_14;
        for (flags, wrong) in [
            (host, if old { GNTST_general_error } else { GNTST_okay }),
            (both, if old { GNTST_general_error } else { GNTST_bad_dev_addr }),
        ] {
            let target = b.target();
            let unmapped = |address| {
                let handle = map(&b, &a, 8, flags, &target).handle;
                let status = unmap(&b, handle, target.host_addr(), address);
                if status != GNTST_okay {
                    assert_eq!(unmap(&b, handle, target.host_addr(), right), GNTST_okay);
                }
                status
            };
            let statuses = (unmapped(right), unmapped(right + 4096));
            assert_eq!(statuses, (GNTST_okay, wrong), "{release:?} {flags:?}");
        }
        xen.check_invariants().unwrap();
    }
}

#[test]
fn pv_maps_at_virtual_addresses_that_it_has() {
    let (xen, a, b) = pair(GuestKind::Pv);
    let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let mut op = map_op(&a, 8, GNTMAP_host_map, &b.target());
    op.host_addr = 0x5000;
    assert_eq!(grant_op(&b, GNTTABOP_map_grant_ref, std::slice::from_mut(&mut op)), 0);
    assert_eq!(op.status, GNTST_general_error);
    let op = map(&b, &a, 8, GNTMAP_host_map | GNTMAP_contains_pte, &b.target());
    assert_eq!(op.status, GNTST_general_error);
    assert_eq!(flags(&a, 8), GTF_permit_access);
    xen.check_invariants().unwrap();
}

#[test]
fn unmap_and_replace_moves_a_mapping_in_pv_only() {
    let (xen, a, b) = pair(GuestKind::Pv);
    let _pages = [
        granted(&a, 8, GrantEntryFlags::empty(), &b),
        granted(&a, 9, GrantEntryFlags::empty(), &b),
    ];
    let (old, new) = (b.target(), b.target());
    let first = map_okay(&b, &a, 8, false, &old);
    map_okay(&b, &a, 9, false, &new);
    let replacement = new.address();
    let mut op = [gnttab_unmap_and_replace {
        host_addr: old.host_addr(),
        new_addr: new.host_addr(),
        handle: first,
        status: UNTOUCHED,
        ..gnttab_unmap_and_replace::ZERO
    }];
    assert_eq!(grant_op(&b, GNTTABOP_unmap_and_replace, &mut op), 0);
    assert_eq!(op[0].status, GNTST_okay);
    assert_eq!(old.address(), replacement);
    assert_eq!((flags(&a, 8), b.live_mappings()), (GTF_permit_access, 1));
    xen.check_invariants().unwrap();

    for (kind, result, status) in
        [(GuestKind::Pvh, -38, UNTOUCHED), (GuestKind::Arm, 0, GNTST_general_error)]
    {
        let (_, a, b) = pair(kind);
        let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
        let target = b.target();
        let handle = map_okay(&b, &a, 8, false, &target);
        let host_addr = target.host_addr();
        op[0] = gnttab_unmap_and_replace { host_addr, handle, status: UNTOUCHED, ..op[0] };
        assert_eq!(grant_op(&b, GNTTABOP_unmap_and_replace, &mut op), result);
        assert_eq!((op[0].status, b.live_mappings()), (status, 1));
    }
}

#[test]
fn a_domain_that_dies_with_its_pages_mapped_stays_until_they_are_unmapped() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    page.view().write(0, b"kept").unwrap();
    let target = b.target();
    let handle = map_okay(&b, &a, 8, false, &target);
    a.destroy();
    xen.check_invariants().unwrap();
    assert!(a.exists());
    assert_eq!(byte(view_of(&target), 0), b'k');
    let other = b.target();
    assert_eq!(map(&b, &a, 9, GNTMAP_host_map, &other).status, GNTST_general_error);
    assert_eq!(unmap(&b, handle, target.host_addr(), 0), GNTST_okay);
    assert!(!a.exists());
    assert_eq!(map(&b, &a, 8, GNTMAP_host_map, &other).status, GNTST_bad_domain);
    assert_eq!(call(&a, __HYPERVISOR_grant_table_op, [0; 5]), -3);
    drop(page);
    xen.check_invariants().unwrap();
}

#[test]
fn a_domain_that_dies_unmaps_what_it_mapped() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    map_okay(&b, &a, 8, false, &b.target());
    b.destroy();
    assert!(!b.exists());
    assert_eq!((flags(&a, 8), a.references(page.frame())), (GTF_permit_access, 1));
    xen.check_invariants().unwrap();
}

#[test]
fn what_is_written_to_a_table_that_is_not_mapped_is_lost() {
    let xen = Xen::new();
    let a = xen.domain(DomainConfig::new(GuestKind::Pvh).pages(8)).unwrap();
    let b = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(8));
    let page = a.page().unwrap();
    grant(&a, 8, GTF_permit_access, domid(&b), page.frame());
    grant(&a, 1, GTF_permit_access, domid(&b), page.frame());
    let target = b.target();
    assert_eq!(map(&b, &a, 8, GNTMAP_host_map, &target).status, GNTST_general_error);
    let seeded = map_okay(&b, &a, 1, true, &target);
    assert_eq!(unmap(&b, seeded, target.host_addr(), 0), GNTST_okay);
    map_table(&a, 1);
    assert_eq!(flags(&a, 8), GTF_invalid);
    grant(&a, 8, GTF_permit_access, domid(&b), page.frame());
    map_okay(&b, &a, 8, false, &target);
}

#[test]
fn a_frame_of_the_table_that_is_mapped_loses_its_entries_and_no_others() {
    let xen = Xen::new();
    let a = xen.domain(DomainConfig::new(GuestKind::Pvh).pages(8)).unwrap();
    let b = guest(&xen, DomainConfig::new(GuestKind::Pvh).pages(8));
    let page = a.page().unwrap();
    let refs = [511, 512, 513, 1023];
    let map_frame = |at| add_to_physmap(&a, XENMAPSPACE_grant_table, at, TABLE_GFN + at);
    let there = || refs.map(|ref_| flags(&a, ref_) == GTF_permit_access);
    let grant_all = || {
        refs.iter().for_each(|ref_| grant(&a, *ref_, GTF_permit_access, domid(&b), page.frame()));
    };
    grant_all();
    assert_eq!((map_frame(1), there()), (0, [true, false, false, false]));
    grant_all();
    assert_eq!((map_frame(0), there()), (0, [false, true, true, true]));
}

#[test]
fn a_page_dropped_while_it_is_mapped_is_told() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    map_okay(&b, &a, 8, false, &b.target());
    drop(page);
    assert!(xen.check_invariants().unwrap_err().contains("dropped page"));
}
