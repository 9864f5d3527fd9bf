//! Injected faults, and records of hypercalls.

use std::sync::{Arc, Mutex};

use xen_abi::GrantStatus;
use xen_abi::grant_table::*;
use xen_abi::xen::__HYPERVISOR_grant_table_op;
use xen_ops::page::{MapTarget as _, Page as _};
use xen_sim::{GuestKind, HypercallRecord};

use crate::support::*;

#[test]
fn eagain_is_given_as_often_as_asked_for() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let (target, own) = (b.target(), b.page().unwrap());
    b.faults().eagain(3);
    for _ in 0..2 {
        assert_eq!(map(&b, &a, 8, GNTMAP_host_map, &target).status, GNTST_eagain);
        assert_eq!(flags(&a, 8), GTF_permit_access, "nothing stays claimed");
    }
    let source = GNTCOPY_source_gref;
    assert_eq!(copy(&b, by_ref(&a, 8, 0), by_frame(&own, 0), 8, source), GNTST_eagain);
    assert_eq!(copy(&b, by_ref(&a, 8, 0), by_frame(&own, 0), 8, source), GNTST_okay);
    map_okay(&b, &a, 8, false, &target);
    xen.check_invariants().unwrap();
}

#[test]
fn a_claim_is_given_up_after_five_tries() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let target = b.target();
    b.faults().lose_claims(5);
    assert_eq!(map(&b, &a, 8, GNTMAP_host_map, &target).status, GNTST_general_error);
    b.faults().lose_claims(4);
    map_okay(&b, &a, 8, false, &target);
    xen.check_invariants().unwrap();
}

#[test]
fn a_batch_stops_where_it_cannot_be_read() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let _pages = [8, 9, 10].map(|ref_| granted(&a, ref_, GrantEntryFlags::empty(), &b));
    let targets = [(); 3].map(|()| b.target());
    let mut ops = [0, 1, 2].map(|at| map_op(&a, 8 + at, GNTMAP_host_map, &targets[at as usize]));
    b.faults().unreadable(1);
    assert_eq!(grant_op(&b, GNTTABOP_map_grant_ref, &mut ops), -14);
    assert_eq!(ops.map(|op| op.status), [GNTST_okay, UNTOUCHED, UNTOUCHED]);
    assert_eq!((flags(&a, 9), b.live_mappings()), (GTF_permit_access, 1));
    // It was written where it could not be: the mapping is there, and the guest does not know.
    b.faults().unwritable(1);
    assert_eq!(grant_op(&b, GNTTABOP_map_grant_ref, &mut ops[1..]), -14);
    assert_eq!(ops.map(|op| op.status), [GNTST_okay, GNTST_okay, UNTOUCHED]);
    assert_eq!((flags(&a, 10).bits(), b.live_mappings()), (0x19, 3));
    xen.check_invariants().unwrap();
}

#[test]
fn addresses_can_be_absent() {
    let (_, a, b) = pair(GuestKind::Pvh);
    let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let targets = [b.target(), b.target()];
    let mut ops = [0, 1].map(|at: usize| map_op(&a, 8, GNTMAP_host_map, &targets[at]));
    let second = std::ptr::from_mut(&mut ops[1]).addr();
    b.faults().absent(second + 4..second + 5);
    assert_eq!(grant_op(&b, GNTTABOP_map_grant_ref, &mut ops), -14);
    assert_eq!(ops.map(|op| op.status), [GNTST_okay, UNTOUCHED]);
    b.faults().clear();
    assert_eq!(grant_op(&b, GNTTABOP_map_grant_ref, &mut ops[1..]), 0);
    assert_eq!(ops[1].status, GNTST_okay);
}

/// XSA-316: a positive status once said that nothing was mapped.
#[test]
fn any_status_can_be_forced() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let target = b.target();
    for status in [1, -14, i16::MAX].map(GrantStatus) {
        b.faults().status(0, status);
        assert_eq!(map(&b, &a, 8, GNTMAP_host_map, &target).status, status);
        assert_eq!(b.live_mappings(), 0);
    }
    b.faults().no_space(1);
    b.faults().eagain(1);
    b.faults().clear();
    let handle = map_okay(&b, &a, 8, false, &target);
    b.faults().status(0, GrantStatus(1));
    assert_eq!(unmap(&b, handle, target.host_addr(), 0), GrantStatus(1));
    assert_eq!(b.live_mappings(), 1);
    xen.check_invariants().unwrap();
}

#[test]
fn faults_are_one_domains_own() {
    let (_, a, b) = pair(GuestKind::Pvh);
    let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    a.faults().eagain(1);
    a.faults().no_space(1);
    map_okay(&b, &a, 8, false, &b.target());
}

#[test]
fn hypercalls_are_recorded_with_their_outcome() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    xen.on_hypercall({
        let told = Arc::clone(&told);
        move |call: &HypercallRecord| told.lock().unwrap().push(call.to_string())
    });
    let target = b.target();
    let mut ops = [8, 600, 8].map(|ref_| map_op(&a, ref_, GNTMAP_host_map, &target));
    ops[2].flags = GrantMapFlags::empty();
    assert_eq!(grant_op(&b, GNTTABOP_map_grant_ref, &mut ops), 0);
    assert_eq!(set_version(&a, 2).0, -16);
    assert_eq!(add_to_physmap(&a, 77, 0, pfn_to_u64(page.frame())), -22);
    assert_eq!(call(&a, 63, [0; 5]), -38);
    let told = told.lock().unwrap();
    assert_eq!(
        told[..],
        [
            "d2 GNTTABOP_map_grant_ref x3 = 0 [0, -3, -3]",
            "d1 GNTTABOP_set_version x1 = -16",
            "d1 XENMEM_add_to_physmap = -22",
            "d1 hypercall = -38",
        ]
    );
}

#[test]
fn grant_operations_are_recorded_by_their_names() {
    let (xen, a) = machine(GuestKind::Pv);
    let told: Arc<Mutex<Vec<_>>> = Arc::default();
    xen.on_hypercall({
        let told = Arc::clone(&told);
        move |call: &HypercallRecord| told.lock().unwrap().push(call.operation)
    });
    for command in 0..=13 {
        call(&a, __HYPERVISOR_grant_table_op, [command, 0, 0, 0, 0]);
    }
    assert_eq!(
        told.lock().unwrap()[..],
        [
            "GNTTABOP_map_grant_ref",
            "GNTTABOP_unmap_grant_ref",
            "GNTTABOP_setup_table",
            "GNTTABOP_dump_table",
            "GNTTABOP_transfer",
            "GNTTABOP_copy",
            "GNTTABOP_query_size",
            "GNTTABOP_unmap_and_replace",
            "GNTTABOP_set_version",
            "GNTTABOP_get_status_frames",
            "GNTTABOP_get_version",
            "GNTTABOP_swap_grant_ref",
            "GNTTABOP_cache_flush",
            "grant_table_op",
        ]
    );
}
