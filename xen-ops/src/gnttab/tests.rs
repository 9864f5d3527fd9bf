//! The smaller operations.

use xen_abi::grant_table::*;

use super::fake::Answer::{DoThenFault, Fault, Skip, Status};
use super::fake::{Fake, Rig, Room, addr, grant};
use super::map::{Mapping, leaked};
use super::replace::{ReplaceError, replace};
use super::retry::Backoff;
use super::swap::{SwapError, swap};
use crate::page::Page;
use crate::view::ReadOnly;

type Mapped<'r> = Mapping<&'r Fake, Room<'r>, ReadOnly>;

fn mapping(rig: &Rig) -> Mapped<'_> {
    Mapping::new(&rig.xen, grant(9), rig.room(1), ReadOnly).unwrap()
}

#[allow(unsafe_code, reason = "nothing is granted in these tests")]
fn swapped(rig: &Rig, a: u32, b: u32) -> Result<(), SwapError> {
    // SAFETY: nothing is granted.
    unsafe { swap(&rig.xen, grant_ref_t(a), grant_ref_t(b), &mut Backoff::new(|_| ())) }
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
        assert_eq!(error.returned.is_some(), kept, "{answer:?}");
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
        Mapping::for_devices(&rig.xen, grant(9), rig.room(1), ReadOnly).unwrap();
    let error = replace(mapping, rig.room(2)).unwrap_err();
    assert!(error.error == ReplaceError::ForDevices && error.returned.is_some());
    assert_eq!(rig.xen.mapped_at(), [addr(1)]);
    assert!(rig.xen.counts(GNTTABOP_unmap_and_replace).is_empty());
}
