//! Hypercalls that Xen interrupts and continues: the caller sees one.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use xen_abi::GuestHandle;
use xen_abi::grant_table::*;
use xen_abi::memory::*;
use xen_abi::xen::*;
use xen_ops::page::Page as _;
use xen_sim::{Domain, DomainConfig, GuestKind, Xen};

use crate::support::*;

/// Counts the continuations of a machine.
fn counted(xen: &Xen) -> Arc<AtomicU32> {
    let count = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&count);
    xen.on_continuation(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    count
}

#[test]
fn a_batch_has_the_statuses_that_it_has_uninterrupted() {
    for interrupt in [None, Some(0), Some(1), Some(3), Some(4)] {
        let (xen, a, b) = pair(GuestKind::Pvh);
        let (count, records) = (counted(&xen), Arc::new(Mutex::new(Vec::new())));
        let told = Arc::clone(&records);
        let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
        let own = b.page().unwrap();
        let mut ops = [8, 9, 8, 8].map(|ref_| gnttab_copy {
            source: by_ref(&a, ref_, 0),
            dest: by_frame(&own, 0),
            len: 4,
            flags: GNTCOPY_source_gref,
            status: UNTOUCHED,
            ..gnttab_copy::ZERO
        });
        if let Some(elements) = interrupt {
            b.faults().interrupt_after(elements);
        }
        xen.on_hypercall(move |record| told.lock().unwrap().push(record.to_string()));
        assert_eq!(grant_op(&b, GNTTABOP_copy, &mut ops), 0);
        assert_eq!(ops.map(|op| op.status.0), [0, -1, 0, 0], "{interrupt:?}");
        let once = ["d2 GNTTABOP_copy x4 = 0 [0, -1, 0, 0]"];
        assert_eq!(*records.lock().unwrap(), once, "{interrupt:?}");
        // Nothing is left to interrupt after the last element.
        let expected = u32::from(interrupt.is_some_and(|elements| elements < 4));
        assert_eq!(count.load(Ordering::Relaxed), expected, "{interrupt:?}");
        assert_eq!(xen.check_invariants(), Ok(()));
    }
}

/// They have no statuses: the first that fails ends the list.
#[test]
fn caches_are_flushed_up_to_the_count() {
    let (xen, a) = machine(GuestKind::Arm);
    let count = counted(&xen);
    let page = a.page().unwrap();
    let frame = machine_frame(&a, pfn_to_u64(page.frame())).unwrap();
    let good = gnttab_cache_flush {
        a: gnttab_cache_flush_a::from_dev_bus_addr(frame << 12),
        length: 8,
        op: GNTTAB_CACHE_CLEAN,
        ..gnttab_cache_flush::ZERO
    };
    let mut ops = [good, good, gnttab_cache_flush { length: 4097, ..good }];
    for (length, expected) in [(2, 0), (3, -22)] {
        a.faults().interrupt_after(1);
        assert_eq!(grant_op(&a, GNTTABOP_cache_flush, &mut ops[..length]), expected, "{length}");
    }
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

/// What the batch held for its next elements is released when it is interrupted, so that the granter
/// can revoke in between.
#[test]
fn a_grant_can_be_revoked_between_two_parts() {
    let (xen, a, b) = pair(GuestKind::Pvh);
    let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let own = b.page().unwrap();
    let op = gnttab_copy {
        source: by_ref(&a, 8, 0),
        dest: by_frame(&own, 0),
        len: 4,
        flags: GNTCOPY_source_gref,
        status: UNTOUCHED,
        ..gnttab_copy::ZERO
    };
    let mut ops = [op; 3];
    b.faults().interrupt_after(2);
    let granter = a.clone();
    xen.on_continuation(move |domid| {
        assert_eq!(domid.domid(), domid_t(2));
        assert!(granter.pins(grant_ref_t(8)).is_zero());
        grant(&granter, 8, GTF_invalid, domid_t(0), xen_pfn_t(0));
    });
    assert_eq!(grant_op(&b, GNTTABOP_copy, &mut ops), 0);
    assert_eq!(ops.map(|op| op.status.0), [0, 0, -1]);
}

fn reservation(list: &mut [xen_pfn_t]) -> xen_memory_reservation {
    xen_memory_reservation {
        nr_extents: list.len() as xen_ulong_t,
        extent_start: GuestHandle::from_mut_slice(list),
        domid: DOMID_SELF,
        ..xen_memory_reservation::ZERO
    }
}

#[test]
fn extents_are_counted_over_all_parts() {
    let xen = Xen::new();
    let a = xen.domain(DomainConfig::new(GuestKind::Pvh).pages(8)).unwrap();
    let count = counted(&xen);
    let mut list = [0x5000, 0x5001, 0x5002].map(xen_pfn_t);
    a.faults().interrupt_after(2);
    let done = memory_op(&a, XENMEM_populate_physmap, &mut reservation(&mut list));
    assert_eq!((done, count.load(Ordering::Relaxed), a.pages()), (3, 1, 11));
    // The second part fails: the first counts.
    list[2] = xen_pfn_t(0xdead);
    a.faults().interrupt_after(1);
    let done = memory_op(&a, XENMEM_decrease_reservation, &mut reservation(&mut list));
    assert_eq!((done, count.load(Ordering::Relaxed), a.pages()), (2, 2, 9));
}

/// Xen reads the arguments again: what the guest changes meanwhile counts.
#[test]
fn arguments_are_read_again() {
    let xen = Xen::new();
    let a = xen.domain(DomainConfig::new(GuestKind::Pvh).pages(8)).unwrap();
    let mut list = [0x5000, 0x5001, 0x5002].map(xen_pfn_t);
    let op = Box::leak(Box::new(Mutex::new(reservation(&mut list))));
    let place = std::ptr::from_mut(op.get_mut().unwrap()).expose_provenance();
    a.faults().interrupt_after(1);
    let fewer: &'static Mutex<xen_memory_reservation> = op;
    xen.on_continuation(move |_| fewer.lock().unwrap().nr_extents = 2);
    let populate = XENMEM_populate_physmap as usize;
    let done = call(&a, __HYPERVISOR_memory_op, [populate, place, 0, 0, 0]);
    assert_eq!((done, a.pages()), (2, 10));
}

#[test]
fn ranges_batches_and_resources_are_continued() {
    let xen = Xen::new();
    let a = xen.domain(DomainConfig::new(GuestKind::Pvh).pages(8)).unwrap();
    let tools = xen.domain(DomainConfig::new(GuestKind::Pvh).pages(8).privileged()).unwrap();
    let count = counted(&xen);
    // Overlapping: from the end that is not overwritten, in each part.
    let frames: Vec<_> = (0x100..0x104).map(|gfn| machine_frame(&a, gfn)).collect();
    a.faults().interrupt_after(2);
    let mut op = xen_add_to_physmap {
        domid: DOMID_SELF,
        size: 4,
        space: XENMAPSPACE_gmfn_range,
        idx: 0x100,
        gpfn: xen_pfn_t(0x102),
    };
    assert_eq!(memory_op(&a, XENMEM_add_to_physmap, &mut op), 0);
    let moved: Vec<_> = (0x102..0x106).map(|gfn| machine_frame(&a, gfn)).collect();
    assert_eq!((moved, count.load(Ordering::Relaxed)), (frames, 1));

    let (mut idxs, mut gpfns, mut errs) =
        ([0, 5000, 1], [0x6000, 0x6001, 0x6002].map(xen_pfn_t), [7; 3]);
    let mut op = xen_add_to_physmap_batch {
        domid: DOMID_SELF,
        space: XENMAPSPACE_grant_table as u16,
        size: 3,
        idxs: GuestHandle::from_mut_slice(&mut idxs),
        gpfns: GuestHandle::from_mut_slice(&mut gpfns),
        errs: GuestHandle::from_mut_slice(&mut errs),
        ..xen_add_to_physmap_batch::ZERO
    };
    a.faults().interrupt_after(1);
    assert_eq!(memory_op(&a, XENMEM_add_to_physmap_batch, &mut op), 0);
    assert_eq!((errs, count.load(Ordering::Relaxed)), ([0, -22, 0], 2));

    let mut list: Vec<_> = (0..64).map(|at| xen_pfn_t(0x20_0000 + at)).collect();
    let mut op = xen_mem_acquire_resource {
        domid: domid(&a),
        type_: XENMEM_resource_grant_table as u16,
        nr_frames: 64,
        frame_list: GuestHandle::from_mut_slice(&mut list),
        ..xen_mem_acquire_resource::ZERO
    };
    tools.faults().interrupt_after(1);
    assert_eq!(memory_op(&tools, XENMEM_acquire_resource, &mut op), 0);
    let last = |domain: &Domain| machine_frame(domain, 0x20_003f);
    assert!(last(&tools).is_some());
    assert_eq!(count.load(Ordering::Relaxed), 3);
    assert_eq!(xen.check_invariants(), Ok(()));
}
