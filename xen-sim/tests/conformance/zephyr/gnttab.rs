//! `gnttab.h`.
#![allow(unsafe_code, reason = "vouches for targets")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ptr::NonNull;
use std::sync::atomic::AtomicUsize;

use crate::support::{machine_frame, pfn_to_u64};
use xen_abi::GrantStatus;
use xen_abi::errno::XEN_EFAULT;
use xen_abi::grant_table::*;
use xen_ops::gnttab::map::{
    BatchError, MapError, Slot, elements, map_all, map_each, unmap_each, unmap_elements,
};
use xen_ops::gnttab::target::{Ballooned, Pool, Targets};
use xen_ops::gnttab::{AllocError, GrantError, PageAllocator};
use xen_ops::page::{Exhausted, MapTarget as _, PAGE_SIZE, Page as _};
use xen_ops::{ReadOnly, ReadWrite};
use xen_sim::{DomainConfig, GuestKind, GuestPage, GuestTarget, TableMemory};

use super::*;
use crate::support::{flags, granted, header, revoke};

/// "permits access to 4K page for specific domain"
#[test]
fn zephyr_grant_access_lets_one_domain_use_one_page() {
    for &kind in KINDS {
        let (xen, a, b) = two(kind);
        let c = xen.domain(DomainConfig::new(kind).pages(8)).unwrap();
        let mut storage = TableMemory::new(1, 4);
        let table = a.grant_table(&mut storage, Default::default()).unwrap();
        let page = a.page().unwrap();
        page.view().write(4090, b"theirs").unwrap();
        let granted = table.grant(b.domid(), page, ReadWrite).unwrap();
        let mapping = map(&b, &a, granted.reference(), ReadWrite).unwrap();
        assert_eq!(mapping.view().read_obj::<[u8; 6]>(4090).unwrap(), *b"theirs");
        mapping.view().write(0, b"ours").unwrap();
        assert_eq!(granted.view().read_obj::<[u8; 4]>(0).unwrap(), *b"ours");
        let other = map(&c, &a, granted.reference(), ReadOnly);
        assert_eq!(refused(other), GNTST_general_error, "granted to another");
        drop(mapping);
        drop(granted);
        xen.check_invariants().unwrap();
    }
}

/// "@param gfn"
#[test]
fn zephyr_grant_access_names_the_pages_frame() {
    for &kind in TRANSLATED {
        let (_xen, a, b) = two(kind);
        let mut storage = TableMemory::new(1, 0);
        let table = a.grant_table(&mut storage, Default::default()).unwrap();
        let page = a.page().unwrap();
        let machine = machine_frame(&a, pfn_to_u64(page.frame()));
        let granted = table.grant(b.domid(), page, ReadOnly).unwrap();
        let mapping = map(&b, &a, granted.reference(), ReadOnly).unwrap();
        assert_eq!(machine_frame(&b, mapping.host_addr() >> 12), machine);
    }
}

/// "@param readonly"
#[test]
fn zephyr_grant_access_read_only_cannot_be_mapped_for_writing() {
    for &kind in KINDS {
        let (_xen, a, b) = two(kind);
        let mut storage = TableMemory::new(1, 0);
        let table = a.grant_table(&mut storage, Default::default()).unwrap();
        let page = a.page().unwrap();
        let granted = table.grant(b.domid(), page, ReadOnly).unwrap();
        let reference = granted.reference();
        assert_eq!(flags(&a, reference.0), GTF_permit_access | GTF_readonly);
        assert_eq!(refused(map(&b, &a, reference, ReadWrite)), GNTST_general_error);
        drop(map(&b, &a, reference, ReadOnly).unwrap());
        let granted = granted.allow_writing();
        drop(map(&b, &a, reference, ReadWrite).unwrap());
        drop(granted);
    }
}

/// "Does NOT free memory", "zero on success"
#[test]
fn zephyr_end_access_gives_the_page_back_as_it_is() {
    for &kind in KINDS {
        let (xen, a, b) = two(kind);
        let mut storage = TableMemory::new(1, 0);
        let table = a.grant_table(&mut storage, Default::default()).unwrap();
        let free = table.free_refs();
        let page = a.page().unwrap();
        let frame = page.frame();
        let granted = table.grant(b.domid(), page, ReadWrite).unwrap();
        let reference = granted.reference();
        map(&b, &a, reference, ReadWrite).unwrap().view().write(0, b"kept").unwrap();
        let (ref_, page) = granted.revoke().unwrap();
        assert_eq!((page.frame(), page.view().read_obj::<[u8; 4]>(0).unwrap()), (frame, *b"kept"));
        assert_eq!(refused(map(&b, &a, reference, ReadOnly)), GNTST_general_error);
        assert_eq!((ref_.reference(), table.free_refs()), (reference, free - 1));
        drop(ref_);
        assert_eq!(table.free_refs(), free);
        xen.check_invariants().unwrap();
    }
}

/// "non-zero on failure"
#[test]
fn zephyr_end_access_fails_while_the_page_is_mapped_and_keeps_it() {
    for &kind in KINDS {
        let (xen, a, b) = two(kind);
        let mut storage = TableMemory::new(1, 4);
        let table = a.grant_table(&mut storage, Default::default()).unwrap();
        let page = a.page().unwrap();
        let granted = table.grant(b.domid(), page, ReadWrite).unwrap();
        let reference = granted.reference();
        let mapping = map(&b, &a, reference, ReadWrite).unwrap();
        let revoking = granted.revoke().unwrap_err();
        assert_ne!(header(&a, reference.0).load(std::sync::atomic::Ordering::Relaxed), 0);
        let revoking = revoking.retry().unwrap_err();
        drop(mapping);
        let (ref_, page) = revoking.retry().unwrap();

        // Dropping frees the page no sooner.
        let granted = ref_.grant(b.domid(), page, ReadWrite).unwrap();
        let mapping = map(&b, &a, granted.reference(), ReadWrite).unwrap();
        drop(granted);
        xen.check_invariants().unwrap();
        assert_eq!(table.reap(4).freed, 0);
        drop(mapping);
        assert_eq!(table.reap(4).freed, 1);
        xen.check_invariants().unwrap();
    }
}

/// Pages that were used before.
struct Used(RefCell<Vec<GuestPage>>);

impl PageAllocator for Used {
    type Page = GuestPage;

    fn take(&self) -> Result<GuestPage, Exhausted> {
        let page = self.0.borrow_mut().pop().ok_or(Exhausted)?;
        for at in (0..PAGE_SIZE).step_by(8) {
            page.view().write_obj(at, &u64::MAX).unwrap();
        }
        Ok(page)
    }
}

/// "Allocates 4K page for grant and share it", "grant ref on success". Zephyr shares it with domain
/// 0, whatever was in it.
#[test]
fn zephyr_alloc_and_grant_shares_a_cleared_page_with_any_domain() {
    for &kind in KINDS {
        let (_xen, a, b) = two(kind);
        let mut storage = TableMemory::new(1, 0);
        let table = a.grant_table(&mut storage, Default::default()).unwrap();
        let pages = Used(RefCell::new(vec![a.page().unwrap()]));
        let granted = table.grant_zeroed(b.domid(), &pages, ReadOnly).unwrap();
        let mapping = map(&b, &a, granted.reference(), ReadOnly).unwrap();
        for at in (0..PAGE_SIZE).step_by(8) {
            assert_eq!(mapping.view().read_obj::<u64>(at).unwrap(), 0, "{at}");
        }
    }
}

/// "negative errno on failure"
#[test]
fn zephyr_alloc_and_grant_says_why_it_fails() {
    let (_xen, a, b) = two(GuestKind::Arm);
    let mut storage = TableMemory::new(1, 0);
    let table = a.grant_table(&mut storage, Default::default()).unwrap();
    let free = table.free_refs();
    let grant = || table.grant_zeroed(b.domid(), &a, ReadOnly);
    let all: Vec<GuestPage> = std::iter::from_fn(|| a.page()).collect();
    assert_eq!(grant().unwrap_err(), GrantError::NoPage(Exhausted));
    assert_eq!(table.free_refs(), free, "no reference is lost");
    drop(all);
    let run = table.alloc_run(free as u32).unwrap();
    let exhausted = AllocError::Exhausted { frames: 1 };
    for _ in 0..20 {
        assert_eq!(grant().unwrap_err(), GrantError::Alloc(exhausted), "no page is lost");
    }
    drop(run);
    drop(grant().unwrap());
}

/// "Provides interface to acquire free page", "pointer to page start address", "NULL on error";
/// "Releases provided page", "should be called after unmapping"
#[test]
fn zephyr_get_page_and_put_page_take_and_give_back_room_for_a_frame() {
    let (xen, a, b) = two(GuestKind::Arm);
    let mut storage = TableMemory::new(1, 0);
    let table = a.grant_table(&mut storage, Default::default()).unwrap();
    let granted = table.grant_zeroed(b.domid(), &a, ReadOnly).unwrap();
    let words = [const { AtomicUsize::new(0) }; Pool::words(2)];
    let address = NonNull::without_provenance(0x1000_0000.try_into().unwrap());
    // SAFETY: nothing is at these guest frames, and the test does not access what is mapped there.
    let pool = unsafe { Pool::new(0x20_0000 << 12, address, 2, &words) }.unwrap();
    let [first, second] = [pool.take().unwrap(), pool.take().unwrap()];
    assert_eq!(pool.take().unwrap_err(), Exhausted);
    assert_ne!(first.host_addr(), second.host_addr());
    assert_eq!((first.host_addr() | second.host_addr()) % PAGE_SIZE as u64, 0);
    drop(second);
    let grant = remote(&a, granted.reference());
    let mapping = Mapping::new(&b, grant, first, ReadOnly).unwrap();
    assert_eq!(pool.free(), 1, "the mapping has it");
    let first = mapping.unmap().unwrap();
    assert_eq!((pool.free(), machine_frame(&b, 0x20_0000)), (1, None));
    drop(first);
    assert_eq!(pool.free(), 2);
    xen.check_invariants().unwrap();
}

/// Zephyr without an extended region: the same, of the heap's memory.
#[test]
fn zephyr_get_page_takes_a_pages_memory_and_put_page_brings_it_back() {
    for &kind in TRANSLATED {
        let (xen, _a, b) = two(kind);
        let page = b.page().unwrap();
        let (frame, pages) = (pfn_to_u64(page.frame()), b.pages());
        // SAFETY: a translated guest.
        let target = unsafe { Ballooned::new(&b, page) }.unwrap();
        assert_eq!((b.pages(), machine_frame(&b, frame)), (pages - 1, None));
        let page = target.restore().unwrap();
        assert_eq!((b.pages(), pfn_to_u64(page.frame())), (pages, frame));
        assert!(machine_frame(&b, frame).is_some());
        b.faults().no_memory(1);
        // SAFETY: a translated guest.
        let target = unsafe { Ballooned::new(&b, page) }.unwrap();
        assert!(target.restore().unwrap_err().returned.is_some(), "no memory to bring back");
        xen.check_invariants().unwrap();
    }
}

/// Room that a test keeps, some bytes further on: when it is leaked, no memory is.
#[derive(Debug)]
struct Borrowed<'t>(&'t GuestTarget, u64);

// SAFETY: each test makes one of a target, which lives longer. Where it is not the start of a page,
// nothing is ever mapped.
unsafe impl xen_ops::page::MapTarget for Borrowed<'_> {
    fn host_addr(&self) -> u64 {
        self.0.host_addr() + self.1
    }

    fn address(&self) -> NonNull<u8> {
        self.0.address()
    }
}

/// "array of prepared gnttab_map_grant_ref's", "zero on success", "per-page status"
#[test]
fn zephyr_map_refs_is_one_hypercall_with_a_status_for_each() {
    for &kind in KINDS {
        let (xen, a, b) = crate::support::pair(kind);
        let _pages = [
            granted(&a, 8, GrantEntryFlags::empty(), &b),
            granted(&a, 10, GrantEntryFlags::empty(), &b),
        ];
        let mut slots =
            [8, 5000, 10].map(|at| Slot::new(remote(&a, grant_ref_t(at)), b.target(), ReadOnly));
        let calls = calls(&xen);
        assert_eq!(map_each(&b, &mut slots, &mut elements::<3>()), Ok(2));
        assert_eq!(*calls.lock().unwrap(), ["d2 GNTTABOP_map_grant_ref x3 = 0 [0, -3, 0]"]);
        let [Slot::Mapped(_), Slot::Failed { target, error, .. }, Slot::Mapped(_)] = &slots else {
            panic!("{slots:?}");
        };
        assert_eq!((status(*error), target.is_some()), (GNTST_bad_gntref, true));
        assert_eq!(b.live_mappings(), 2);
    }
}

/// "or negative errno on failure"
#[test]
fn zephyr_map_refs_that_fails_as_a_whole_has_an_error_number() {
    let (_xen, a, b) = crate::support::pair(GuestKind::Arm);
    let _pages = [8, 9].map(|at| granted(&a, at, GrantEntryFlags::empty(), &b));
    let room = [b.target(), b.target()];
    let mut slots = [(8, &room[0]), (9, &room[1])]
        .map(|(at, target)| Slot::new(remote(&a, grant_ref_t(at)), Borrowed(target, 0), ReadOnly));
    b.faults().unreadable(0);
    let error = map_all(&b, &mut slots, &mut elements::<2>()).unwrap_err();
    let BatchError::Slot { index: 0, error: MapError::Xen(error), .. } = error else {
        panic!("{error}");
    };
    assert_eq!(error.errno(), Some(XEN_EFAULT));
    assert_eq!(b.live_mappings(), 0);
}

/// "4K-aligned 4K memory page"
#[test]
fn zephyr_map_refs_refuses_room_that_is_not_the_start_of_a_page() {
    let (xen, a, b) = crate::support::pair(GuestKind::Arm);
    let _page = granted(&a, 8, GrantEntryFlags::empty(), &b);
    let calls = calls(&xen);
    let room = b.target();
    let target = Borrowed(&room, 8);
    let wrong = MapError::HostAddress(target.host_addr());
    let mapped = Mapping::new(&b, remote(&a, grant_ref_t(8)), target, ReadOnly);
    assert_eq!(mapped.unwrap_err().error, wrong);
    assert!(calls.lock().unwrap().is_empty());
}

/// "The gnttab_put_page() should be used after this for each page, that was successfully unmapped",
/// "per-page status"
#[test]
fn zephyr_unmap_refs_gives_back_the_room_of_each_that_is_unmapped() {
    for &kind in KINDS {
        let (xen, a, b) = crate::support::pair(kind);
        let _pages = [8, 9, 10].map(|at| granted(&a, at, GrantEntryFlags::empty(), &b));
        let mut slots =
            [8, 9, 10].map(|at| Slot::new(remote(&a, grant_ref_t(at)), b.target(), ReadOnly));
        map_all(&b, &mut slots, &mut elements::<3>()).unwrap();
        let calls = calls(&xen);
        b.faults().status(1, GNTST_permission_denied);
        let error = unmap_each(&mut slots, &mut unmap_elements::<3>()).unwrap_err();
        let BatchError::Slot { index, error, stuck } = error else { panic!("{error}") };
        assert_eq!((index, status(error), stuck), (1, GNTST_permission_denied, 1));
        assert!(matches!(slots, [Slot::Free(_), Slot::Stuck { .. }, Slot::Free(_)]), "{slots:?}");
        assert!(!revoke(&a, 9) && revoke(&a, 8) && revoke(&a, 10));
        unmap_each(&mut slots, &mut unmap_elements::<1>()).unwrap();
        assert!(matches!(slots[1], Slot::Free(_)) && revoke(&a, 9));
        let each = [
            "d2 GNTTABOP_unmap_grant_ref x3 = 0 [0, -8, 0]",
            "d2 GNTTABOP_unmap_grant_ref x1 = 0 [0]",
        ];
        assert_eq!(*calls.lock().unwrap(), each);
        xen.check_invariants().unwrap();
    }
}

/// "or negative errno on failure"
#[test]
fn zephyr_unmap_refs_that_fails_as_a_whole_has_an_error_number() {
    let (xen, a, b) = crate::support::pair(GuestKind::Arm);
    let _pages = [8, 9, 10].map(|at| granted(&a, at, GrantEntryFlags::empty(), &b));
    let room = [b.target(), b.target(), b.target()];
    let mut slots = [(8, &room[0]), (9, &room[1]), (10, &room[2])]
        .map(|(at, target)| Slot::new(remote(&a, grant_ref_t(at)), Borrowed(target, 0), ReadOnly));
    map_all(&b, &mut slots, &mut elements::<3>()).unwrap();
    b.faults().unreadable(1);
    let error = unmap_each(&mut slots, &mut unmap_elements::<3>()).unwrap_err();
    let BatchError::Slot { index: 1, error: MapError::Xen(error), stuck: 2 } = error else {
        panic!("{error}");
    };
    assert_eq!(error.errno(), Some(XEN_EFAULT));
    // The first one without a status may be mapped or not; the one after it is mapped.
    let [Slot::Free(_), Slot::Failed { target: None, .. }, Slot::Stuck { error, .. }] = &slots
    else {
        panic!("{slots:?}");
    };
    assert_eq!(error.errno(), Some(XEN_EFAULT));
    xen.check_invariants().unwrap();
}

/// "Convert grant ref status codes (GNTST_*) to text messages"
#[test]
fn zephyr_error_text_for_each_status() {
    let texts: BTreeSet<String> = (-13..=0).map(|at| GrantStatus(at).to_string()).collect();
    assert_eq!(texts.len(), 14, "each has its own");
    for status in (-13..=0).map(GrantStatus) {
        let (name, text) = (status.name().unwrap(), status.text().unwrap());
        assert!(name.starts_with("GNTST_") && !text.is_empty());
        assert_eq!(status.to_string(), format!("{text} ({name})"));
    }
    assert_eq!(GNTST_no_space.text(), Some("no handles or other resources left"));
    for unknown in [i16::MIN, -14, 1, i16::MAX] {
        assert_eq!(GrantStatus(unknown).text(), None);
        assert!(
            GrantStatus(unknown).to_string().contains(&unknown.to_string()),
            "the number stays"
        );
    }
    // An error says of which operation.
    let (_xen, a, b) = two(GuestKind::Arm);
    let error = map(&b, &a, grant_ref_t(u32::MAX), ReadOnly).unwrap_err().to_string();
    assert!(
        error.contains("GNTTABOP_map_grant_ref") && error.contains("GNTST_bad_gntref"),
        "{error}"
    );
}
