//! What Zephyr's text says and is not so, and what its code does and should not. Defects that have
//! a test in xen-ops are not tested again here.
#![allow(unsafe_code, reason = "asks Xen directly")]

use std::collections::BTreeSet;

use xen_abi::grant_table::*;
use xen_ops::ReadWrite;
use xen_ops::hypercall::grant_table_op::{UnmapGrantRef, unmap_grant_ref};
use xen_ops::page::MapTarget as _;
use xen_sim::{DomainConfig, GuestKind, TableMemory, Xen};

use super::*;
use crate::support::{self, granted, map_okay, map_op, pair};

/// Zephyr's header declares the unmap on elements of the map, and says that it returns their count.
#[test]
fn zephyr_unmap_refs_has_elements_of_its_own_and_returns_no_count() {
    let (xen, a, b) = pair(GuestKind::Arm);
    let _pages = [8, 9].map(|at| granted(&a, at, GrantEntryFlags::empty(), &b));
    let targets = [b.target(), b.target()];
    let mut elements = [0, 1].map(|at| {
        let handle = map_okay(&b, &a, 8 + at as u32, true, &targets[at]);
        UnmapGrantRef::new(targets[at].host_addr(), 0, handle)
    });
    assert_eq!((size_of_val(&elements), size_of::<gnttab_map_grant_ref>()), (2 * 24, 32));
    let calls = calls(&xen);
    // SAFETY: the test does not access what is mapped there.
    let batch = unsafe { unmap_grant_ref(&b, &mut elements) };
    assert_eq!(batch.result, Ok(()));
    assert!(batch.elements.iter().all(|element| element.status() == GNTST_okay));
    assert_eq!(*calls.lock().unwrap(), ["d2 GNTTABOP_unmap_grant_ref x2 = 0 [0, 0]"]);
}

/// The header of Xen 4.5 says that a negative handle is the error of a map.
#[test]
fn zephyr_a_failed_map_is_told_by_its_status_and_not_by_its_handle() {
    let (_xen, a, b) = pair(GuestKind::Arm);
    let target = b.target();
    let op = support::map(&b, &a, 5000, GNTMAP_host_map, &target);
    assert_eq!((op.status, op.handle.0), (GNTST_bad_gntref, 0));
    assert_eq!(refused(super::map(&b, &a, grant_ref_t(5000), ReadWrite)), GNTST_bad_gntref);
}

/// The header of Xen 4.5 has a flag that translated guests are refused for today,
/// `GNTMAP_can_fail`, and lacks `GNTST_no_space`.
#[test]
fn zephyr_statuses_and_flags_are_todays() {
    const CAN_FAIL: GrantMapFlags = GrantMapFlags(1 << 5);
    for &kind in TRANSLATED {
        let xen = Xen::new();
        let a = support::guest(&xen, DomainConfig::new(kind).pages(8));
        let b = support::guest(&xen, DomainConfig::new(kind).pages(8).max_maptrack_frames(0));
        let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
        assert_eq!(refused(super::map(&b, &a, grant_ref_t(8), ReadWrite)), GNTST_no_space);
        let c = support::guest(&xen, DomainConfig::new(kind).pages(8));
        let _page = granted(&a, 9, GrantEntryFlags::empty(), &c);
        let mut op = [map_op(&a, 9, GNTMAP_host_map | CAN_FAIL, &c.target())];
        assert_eq!(support::grant_op(&c, GNTTABOP_map_grant_ref, &mut op), 0);
        assert_eq!(op[0].status, GNTST_general_error);
        drop(super::map(&c, &a, grant_ref_t(9), ReadWrite).unwrap());
    }
}

/// Zephyr's allocator returns from a double free with interrupts locked. Here there is nothing left
/// to be freed a second time, and so no reference has two owners.
#[test]
fn d4_nothing_is_freed_twice() {
    let (_xen, a, b) = two(GuestKind::Arm);
    let mut storage = TableMemory::new(1, 4);
    let table = a.grant_table(&mut storage, Default::default()).unwrap();
    let free = table.free_refs();
    for deferred in [false, true] {
        let granted = table.grant_zeroed(b.domid(), &a, ReadWrite).unwrap();
        let mapping = deferred.then(|| super::map(&b, &a, granted.reference(), ReadWrite).unwrap());
        drop(granted);
        drop(mapping);
        for _ in 0..2 {
            table.reap(4);
        }
        assert_eq!(table.free_refs(), free);
    }
    let all: Vec<_> = std::iter::from_fn(|| table.alloc().ok()).collect();
    let distinct: BTreeSet<_> = all.iter().map(|ref_| ref_.reference().0).collect();
    assert_eq!((all.len(), distinct.len()), (free, free));
}
