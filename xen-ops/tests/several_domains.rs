//! What belongs to several domains of one machine, in one call.
#![cfg(not(loom))]

use xen_ops::gnttab::map::{Slot, elements, map_all, unmap_each, unmap_elements};
use xen_ops::{GrantTable, Mapping, ReadWrite, RemoteGrant};
use xen_sim::{
    Domain, DomainConfig, GrantFrames, GuestKind, GuestPage, GuestTarget, HypercallRecord,
    TableMemory, Xen,
};

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

fn domain(xen: &Xen) -> Domain {
    xen.domain(DomainConfig::new(GuestKind::Pvh).pages(16)).unwrap()
}

fn grant_to(
    table: &GrantTable<'_, Domain, GrantFrames, GuestPage>,
    owner: &Domain,
    peer: &Domain,
) -> RemoteGrant {
    let granted = table.grant(peer.domid(), owner.page().unwrap(), ReadWrite).unwrap();
    let remote = RemoteGrant::new(owner.domid(), granted.reference());
    std::mem::forget(granted);
    remote
}

/// Counts a machine's hypercalls for unmapping.
fn count_unmaps(xen: &Xen) -> Arc<AtomicUsize> {
    let unmaps = Arc::new(AtomicUsize::new(0));
    let counted = unmaps.clone();
    xen.on_hypercall(move |call: &HypercallRecord| {
        if call.operation == "GNTTABOP_unmap_grant_ref" {
            counted.fetch_add(1, Relaxed);
        }
    });
    unmaps
}

/// Each mapping is unmapped by the domain that has mapped it, with one hypercall for those in a row.
#[test]
fn mappings_of_two_domains_are_unmapped_together() {
    let xen = Xen::new();
    let [alice, bob, carol] = [(); 3].map(|()| domain(&xen));
    let mut storage = TableMemory::new(1, 4);
    let table = alice.grant_table(&mut storage, Default::default()).unwrap();
    // The same handles and the same guest frames in both domains.
    let map = |domain| -> [Slot<&Domain, GuestTarget, ReadWrite>; 2] {
        let mut slots = [(); 2]
            .map(|()| Slot::new(grant_to(&table, &alice, domain), domain.target(), ReadWrite));
        map_all(domain, &mut slots, &mut elements::<2>()).unwrap();
        slots
    };
    let ([b0, b1], [c0, c1]) = (map(&bob), map(&carol));
    let mut slots = [b0, Slot::Empty, b1, c0, c1];
    let unmaps = count_unmaps(&xen);
    unmap_each(&mut slots, &mut unmap_elements::<4>()).unwrap();
    assert_eq!(unmaps.load(Relaxed), 2);
    assert_eq!((bob.live_mappings(), carol.live_mappings()), (0, 0));
    assert_eq!(slots.iter().filter(|slot| matches!(slot, Slot::Free(_))).count(), 4);
    xen.check_invariants().unwrap();
}

/// A failure among the second domain's mappings is reported with its own index.
#[test]
fn the_index_of_a_failure_counts_all_slots() {
    let xen = Xen::new();
    let [alice, bob, carol] = [(); 3].map(|()| domain(&xen));
    let mut storage = TableMemory::new(1, 4);
    let table = alice.grant_table(&mut storage, Default::default()).unwrap();
    let map = |domain| {
        let grant = grant_to(&table, &alice, domain);
        Slot::Mapped(Mapping::new(domain, grant, domain.target(), ReadWrite).unwrap())
    };
    let mut slots = [map(&bob), Slot::Empty, map(&carol)];
    carol.faults().status(0, xen_ops::xen_abi::grant_table::GNTST_bad_dev_addr);
    let error = unmap_each(&mut slots, &mut unmap_elements::<2>()).unwrap_err();
    assert!(error.to_string().starts_with("slot 2:"), "{error}");
    assert!(matches!(slots, [Slot::Free(_), Slot::Empty, Slot::Stuck { .. }]), "{slots:?}");
}

/// A reference to a static, as a kernel has one.
#[test]
fn mappings_through_a_static() {
    static BOB: OnceLock<Domain> = OnceLock::new();
    let xen = Xen::new();
    let (alice, bob) = (domain(&xen), BOB.get_or_init(|| domain(&xen)));
    let mut storage = TableMemory::new(1, 4);
    let table = alice.grant_table(&mut storage, Default::default()).unwrap();
    let mut slots: [Slot<&'static Domain, GuestTarget, ReadWrite>; 2] =
        [(); 2].map(|()| Slot::new(grant_to(&table, &alice, bob), bob.target(), ReadWrite));
    map_all(bob, &mut slots, &mut elements::<2>()).unwrap();
    let unmaps = count_unmaps(&xen);
    unmap_each(&mut slots, &mut unmap_elements::<2>()).unwrap();
    assert_eq!((unmaps.load(Relaxed), bob.live_mappings()), (1, 0));
}
