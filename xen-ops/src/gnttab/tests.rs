//! The smaller operations.

use std::string::ToString;

use xen_abi::grant_table::*;
use xen_abi::xen::{DOMID_SELF, domid_t};

use super::fake::Answer::{DoThenFault, Fault, Skip, Status};
use super::fake::{Fake, Rig, Room, addr, device_address, grant};
use super::flush::{self, Flush, FlushError, Lines};
use super::foreign::Foreign;
use super::map::{Mapping, leaked};
use super::replace::replace;
use super::retry::{Bounded, Never};
use super::swap::{SwapError, swap};
use super::transfer::{Fate, TransferReason, transfer};
use crate::page::Page;
use crate::view::{OutOfPage, ReadOnly};

type Mapped<'r> = Mapping<&'r Fake, Room<'r>, ReadOnly>;

fn mapping(rig: &Rig) -> Mapped<'_> {
    Mapping::new(&rig.xen, grant(9), rig.room(1), &mut Never).unwrap()
}

#[allow(unsafe_code, reason = "nothing is granted in these tests")]
fn swapped(rig: &Rig, a: u32, b: u32) -> Result<(), SwapError> {
    // SAFETY: nothing is granted.
    unsafe { swap(&rig.xen, grant_ref_t(a), grant_ref_t(b), &mut Bounded::new(|_| ())) }
}

#[test]
fn entries_are_swapped_and_tried_again_while_in_use() {
    let rig = Rig::new();
    rig.xen.script([Status(-12), Status(-12)]);
    swapped(&rig, 8, 9).unwrap();
    assert_eq!(rig.xen.counts(GNTTABOP_swap_grant_ref), [1, 1, 1]);
    for answer in [Status(-3), Status(1), Skip, Fault] {
        rig.xen.script([answer]);
        assert!(matches!(swapped(&rig, 8, 9), Err(SwapError::Xen(_))), "{answer:?}");
    }
    rig.xen.script([Status(-12); 1000]);
    let Err(SwapError::Xen(error)) = swapped(&rig, 8, 9) else { panic!() };
    assert_eq!(error.status(), Some(GNTST_eagain));
}

#[test]
fn reserved_entries_are_never_swapped() {
    let rig = Rig::new();
    assert_eq!(swapped(&rig, 7, 8), Err(SwapError::Reserved(grant_ref_t(7))));
    assert_eq!(swapped(&rig, 8, 0), Err(SwapError::Reserved(grant_ref_t(0))));
    assert!(rig.xen.calls.borrow().is_empty());
}

#[test]
fn ranges_of_a_mapping_are_flushed_by_machine_address() {
    let rig = Rig::new();
    let mapping = mapping(&rig);
    let flushes = [
        Flush::new(&mapping, 64, 128, Lines::Clean).unwrap(),
        Flush::new(&mapping, 0, 4096, Lines::CleanAndInvalidate).unwrap(),
        Flush::new(&mapping, 4095, 0, Lines::Invalidate).unwrap(),
    ];
    flush::flush_each(&rig.xen, &flushes, &mut flush::elements::<3>()).unwrap();
    assert_eq!(rig.xen.counts(GNTTABOP_cache_flush), [3]);
    let ops: alloc::vec::Vec<_> = rig.xen.flushes.borrow().iter().map(|op| op.op).collect();
    assert_eq!(
        ops,
        [GNTTAB_CACHE_CLEAN, GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL, GNTTAB_CACHE_INVAL]
    );
    let first = rig.xen.flushes.borrow()[0];
    assert_eq!(*first.a.dev_bus_addr(), device_address(grant_ref_t(9)));
    assert_eq!((first.offset, first.length), (64, 128));

    rig.xen.results.borrow_mut().push_back(-1);
    let error = flush::flush(&rig.xen, &flushes[0]).unwrap_err();
    assert_eq!(error.to_string(), "GNTTABOP_cache_flush: not allowed (EPERM)");
    let short = flush::flush_each(&rig.xen, &flushes, &mut flush::elements::<2>());
    assert!(matches!(short, Err(FlushError::TooLarge(_))));
    flush::flush_each(&rig.xen, &[], &mut []).unwrap();
    assert_eq!(rig.xen.counts(GNTTABOP_cache_flush), [3, 1]);
}

#[test]
fn a_range_to_flush_is_inside_its_page() {
    let rig = Rig::new();
    let mapping = mapping(&rig);
    for (offset, length) in
        [(4096, 0), (1, 4096), (0, 4097), (usize::MAX, 1), (0, 65536), (65536, 0)]
    {
        let refused = Flush::new(&mapping, offset, length, Lines::Clean).map(|_| ());
        assert_eq!(refused, Err(OutOfPage { offset, length }));
    }
}

#[test]
fn a_page_takes_the_place_of_a_mapping() {
    let rig = Rig::new();
    let replaced = replace(mapping(&rig), rig.room(2)).unwrap();
    assert!(rig.xen.mapped.borrow().is_empty());
    assert_eq!(replaced.frame().0, 2);
    let place = rig.room(1);
    assert_eq!(replaced.address(), Page::address(&place));
    drop((replaced, place));
    assert_eq!(*rig.returned.borrow(), [1], "the second time, which is this test's own");
}

#[test]
fn what_is_not_replaced_is_kept_only_if_that_is_certain() {
    let answers = [(Status(-8), true), (Status(-1), false), (Status(1), false), (Skip, false)];
    for (answer, kept) in answers.into_iter().chain([(Fault, false), (DoThenFault, false)]) {
        let rig = Rig::new();
        let mapping = mapping(&rig);
        rig.xen.script([answer]);
        let before = leaked();
        let error = replace(mapping, rig.room(2)).unwrap_err();
        assert_eq!(error.kept.is_some(), kept, "{answer:?}");
        assert!(kept || leaked() > before);
        drop(error);
        assert_eq!(rig.returned.borrow().len(), if kept { 2 } else { 0 }, "{answer:?}");
    }
}

/// The operation has no device address, so the device's half would stay.
#[test]
fn xsa_361_a_device_map_is_never_replaced() {
    let rig = Rig::new();
    let mapping: Mapped<'_> =
        Mapping::with_devices(&rig.xen, grant(9), rig.room(1), &mut Never).unwrap();
    let error = replace(mapping, rig.room(2)).unwrap_err();
    assert!(error.error.is_none() && error.kept.is_some());
    assert_eq!(rig.xen.mapped_at(), [addr(1)]);
    assert!(rig.xen.counts(GNTTABOP_unmap_and_replace).is_empty());
}

#[test]
fn a_page_is_given_away_for_good() {
    let rig = Rig::new();
    let _ = transfer(&rig.xen, rig.room(2), grant(9)).unwrap();
    assert_eq!(*rig.returned.borrow(), []);
}

#[test]
fn a_page_that_did_not_arrive_is_lost_with_every_status_but_one() {
    let statuses = [(-9, true), (-1, false), (-2, false), (-8, false), (-11, false), (1, false)];
    for (status, kept) in statuses {
        let rig = Rig::new();
        rig.xen.script([Status(status)]);
        let error = transfer(&rig.xen, rig.room(2), grant(9)).unwrap_err();
        assert_eq!(matches!(error.page, Fate::Kept(_)), kept, "{status}");
        drop(error);
        assert_eq!(rig.returned.borrow().len(), usize::from(kept));
    }
}

#[test]
fn a_page_is_kept_when_xen_does_not_begin() {
    let rig = Rig::new();
    for (result, kept) in [(-95, true), (-38, true), (0, false), (-14, false), (7, false)] {
        rig.xen.script([Skip]);
        rig.xen.results.borrow_mut().push_back(result);
        let error = transfer(&rig.xen, rig.room(2), grant(9)).unwrap_err();
        assert_eq!(matches!(error.page, Fate::Kept(_)), kept, "{result}");
        rig.xen.script.borrow_mut().clear();
    }
    for domid in [DOMID_SELF, domid_t(u16::MAX)] {
        let error =
            transfer(&rig.xen, rig.room(2), Foreign::new(domid, grant_ref_t(9))).unwrap_err();
        assert_eq!(error.reason, TransferReason::NoDomain(domid));
        assert!(matches!(error.page, Fate::Kept(_)));
    }
}
