//! What belongs to several domains of one machine, in one call.

use xen_ops::gnttab::GrantError;
use xen_ops::gnttab::copy::{self, CopyError};
use xen_ops::gnttab::map::{
    BatchError, MapError, Slot, elements, map_all, map_each, unmap_each, unmap_elements,
};
use xen_ops::gnttab::replace::{ReplaceError, replace};
use xen_ops::gnttab::target::{BalloonError, Ballooned};
use xen_ops::gnttab::transfer::{PageState, Spare, TransferError, transfer};
use xen_ops::page::{Owner, Page as _};
use xen_ops::xen_abi::grant_table::{GNTST_permission_denied, grant_ref_t};
use xen_ops::xen_abi::xen::xen_pfn_t;
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

/// A frame number is another page's in another domain: granting bob's page in alice's table would grant
/// the page of alice's with that number.
#[test]
fn a_page_of_another_domain_is_not_granted() {
    let xen = Xen::new();
    let [alice, bob, carol] = [(); 3].map(|()| domain(&xen));
    let mut storage = TableMemory::new(1, 4);
    let table = alice.grant_table(&mut storage, Default::default()).unwrap();
    let free = table.free_refs();
    let failed = table.grant(carol.domid(), bob.page().unwrap(), ReadWrite).unwrap_err();
    assert_eq!(failed.error, GrantError::OtherDomain);
    let page = failed.returned.expect("the page is returned");
    let free_ref = table.alloc().unwrap();
    let failed = free_ref.grant(carol.domid(), page, ReadWrite).unwrap_err();
    assert_eq!(failed.error, GrantError::OtherDomain);
    let (free_ref, page) = failed.returned.expect("both are returned");
    drop(free_ref);
    // In a batch, and after a page that is granted.
    let mut slots = [None, None];
    let mut pages = [alice.page().unwrap(), page].into_iter();
    let failed = table.grant_all(carol.domid(), &mut pages, ReadWrite, &mut slots).unwrap_err();
    assert_eq!(failed.error, GrantError::OtherDomain);
    assert!(slots[0].is_some() && slots[1].is_none());
    drop((slots, failed, pages));
    assert_eq!(table.free_refs(), free);
    assert_eq!(table.deferred().leaked, 0);
    xen.check_invariants().unwrap();
}

/// Nothing is mapped at the place of alice's that has the number of bob's target.
#[test]
fn nothing_is_mapped_at_a_target_of_another_domain() {
    let xen = Xen::new();
    let [alice, bob, carol] = [(); 3].map(|()| domain(&xen));
    let mut storage = TableMemory::new(1, 4);
    let table = alice.grant_table(&mut storage, Default::default()).unwrap();
    let remote = grant_to(&table, &alice, &carol);
    let failed = Mapping::new(&carol, remote, bob.target(), ReadWrite).unwrap_err();
    assert_eq!(failed.error, MapError::OtherDomain);
    let target = failed.returned.expect("the target is returned");
    let mut slots = [Slot::new(remote, target, ReadWrite)];
    let error = map_all(&carol, &mut slots, &mut elements::<1>()).unwrap_err();
    assert!(matches!(error, BatchError::Slot { error: MapError::OtherDomain, .. }), "{error:?}");
    map_each(&carol, &mut slots, &mut elements::<1>()).unwrap();
    let Slot::Failed { target: Some(_), error: MapError::OtherDomain, .. } = &slots[0] else {
        panic!("{slots:?}");
    };
    assert_eq!(carol.live_mappings(), 0);
    // The same number of another machine.
    let other = Xen::new();
    let [_, _, twin] = [(); 3].map(|()| domain(&other));
    assert_eq!(twin.domid(), carol.domid());
    let failed = Mapping::new(&carol, remote, twin.target(), ReadWrite).unwrap_err();
    assert_eq!(failed.error, MapError::OtherDomain);
}

#[test]
fn a_page_of_another_domain_is_not_ballooned_out() {
    let xen = Xen::new();
    let [alice, bob] = [(); 2].map(|()| domain(&xen));
    #[allow(unsafe_code, reason = "a translated guest")]
    // SAFETY: both are.
    let failed = unsafe { Ballooned::new(&alice, bob.page().unwrap()) }.unwrap_err();
    assert_eq!(failed.error, BalloonError::OtherDomain);
    assert!(failed.returned.is_some());
}

#[test]
fn nothing_is_mapped_at_a_ballooned_page_of_another_domain() {
    let xen = Xen::new();
    let [alice, bob, carol] = [(); 3].map(|()| domain(&xen));
    let mut storage = TableMemory::new(1, 4);
    let table = alice.grant_table(&mut storage, Default::default()).unwrap();
    let remote = grant_to(&table, &alice, &carol);
    #[allow(unsafe_code, reason = "a translated guest")]
    // SAFETY: both are.
    let target = unsafe { Ballooned::new(&bob, bob.page().unwrap()) }.unwrap();
    let failed = Mapping::new(&carol, remote, target, ReadWrite).unwrap_err();
    assert_eq!(failed.error, MapError::OtherDomain);
}

/// A copy would write to the page of alice's with the number of bob's.
#[test]
fn a_page_of_another_domain_is_not_copied() {
    let xen = Xen::new();
    let [alice, bob, carol] = [(); 3].map(|()| domain(&xen));
    let mut storage = TableMemory::new(1, 4);
    let table = carol.grant_table(&mut storage, Default::default()).unwrap();
    let remote = grant_to(&table, &carol, &alice);
    let mut page = bob.page().unwrap();
    let refused = |result: Result<usize, CopyError>| match result {
        Err(CopyError::Xen { copied: 0, error }) => error.status() == Some(GNTST_permission_denied),
        _ => false,
    };
    assert!(refused(copy::read(&alice, remote, 0, &mut page)));
    assert!(refused(copy::write(&alice, &page, remote, 0)));
    let mut page = alice.page().unwrap();
    assert_eq!(copy::read(&alice, remote, 0, &mut page), Ok(4096));
}

/// A page of the simulator without a mapping.
#[derive(Debug)]
struct Unmapped(GuestPage);

#[allow(unsafe_code, reason = "vouches for a page of the simulator")]
// SAFETY: nothing maps the page, and nothing looks at it.
unsafe impl Spare for Unmapped {
    fn frame(&self) -> xen_pfn_t {
        self.0.frame()
    }

    fn owner(&self) -> Option<Owner> {
        self.0.owner()
    }
}

/// Counts a machine's hypercalls.
fn count_calls(xen: &Xen) -> Arc<AtomicUsize> {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    xen.on_hypercall(move |_: &HypercallRecord| {
        counted.fetch_add(1, Relaxed);
    });
    calls
}

/// The page of alice's with the number of bob's would go to carol.
#[test]
fn a_page_of_another_domain_is_not_transferred() {
    let xen = Xen::new();
    let [alice, bob, carol] = [(); 3].map(|()| domain(&xen));
    let calls = count_calls(&xen);
    let to = RemoteGrant::new(carol.domid(), grant_ref_t(8));
    let failed = transfer(&alice, Unmapped(bob.page().unwrap()), to).unwrap_err();
    assert_eq!(failed.error, TransferError::OtherDomain);
    assert!(matches!(failed.returned, Some(PageState::Kept(_))), "{failed:?}");
    assert_eq!(calls.load(Relaxed), 0);
}

/// Bob would lose what is at that address in his own memory.
#[test]
fn a_page_of_another_domain_does_not_replace_a_mapping() {
    let xen = Xen::new();
    let [alice, bob, carol] = [(); 3].map(|()| domain(&xen));
    let mut storage = TableMemory::new(1, 4);
    let table = alice.grant_table(&mut storage, Default::default()).unwrap();
    let remote = grant_to(&table, &alice, &bob);
    let mapping = Mapping::new(&bob, remote, bob.target(), ReadWrite).unwrap();
    let calls = count_calls(&xen);
    let failed = replace(mapping, carol.page().unwrap()).unwrap_err();
    assert_eq!(failed.error, ReplaceError::OtherDomain);
    assert_eq!(calls.load(Relaxed), 0);
    drop(failed.returned.expect("both are returned"));
    assert_eq!(bob.live_mappings(), 0);
    xen.check_invariants().unwrap();
}
