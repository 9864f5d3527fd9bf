//! Many mappings with one hypercall.

use xen_abi::errno::XEN_EFAULT;
use xen_abi::grant_table::*;
use xen_ops::ReadWrite;
use xen_ops::gnttab::batch::TooLarge;
use xen_ops::gnttab::map::{
    BatchError, MapError, Slot, elements, map_all, map_all_with_retry, map_each,
    map_each_with_retry, unmap_each, unmap_elements,
};
use xen_ops::gnttab::retry::{Backoff, NoRetry, Retry};
use xen_sim::{Domain, GuestKind};

use super::one::status;
use super::{FIRST, Rig, Target, grant, grant_of};
use crate::lies::Answer::{Do, DoThenFault, Fault, Skip, Status};
use crate::lies::Lies;
use crate::lies::Outcome::After;

type Place<'r> = Slot<&'r Lies<Domain>, Target<'r>, ReadWrite>;

/// Slots 0, 1 and so on want the grants from [`FIRST`] on, of the two peers in turn.
fn slots<const N: usize>(rig: &Rig) -> [Place<'_>; N] {
    core::array::from_fn(|at| {
        let grant = grant_of(at % 2, FIRST + at as u32);
        Slot::new(grant, rig.target(at as u64 + 1), ReadWrite)
    })
}

fn each<'r>(rig: &'r Rig, slots: &mut [Place<'r>], retry: &mut impl Retry) -> usize {
    map_each_with_retry(&rig.xen, slots, &mut elements::<8>(), retry).unwrap()
}

fn all<'r>(rig: &'r Rig, slots: &mut [Place<'r>]) -> Result<(), BatchError> {
    map_all_with_retry(&rig.xen, slots, &mut elements::<8>(), &mut Backoff::new(|_| ()))
}

/// `r`equest, `m`apped, `f`ree, `s`tuck, `x` failed, `L` failed and leaked, `-` empty.
fn picture(slots: &[Place<'_>]) -> std::string::String {
    let letter = |slot: &Place<'_>| match slot {
        Slot::Empty => '-',
        Slot::Request { .. } => 'r',
        Slot::Mapped(_) => 'm',
        Slot::Free(_) => 'f',
        Slot::Stuck { .. } => 's',
        Slot::Failed { target: Some(_), .. } => 'x',
        Slot::Failed { target: None, .. } => 'L',
    };
    slots.iter().map(letter).collect()
}

#[test]
fn grants_of_several_domains_are_mapped_with_one_hypercall() {
    let rig = Rig::new();
    let mut slots = slots::<6>(&rig);
    all(&rig, &mut slots).unwrap();
    assert_eq!(rig.xen.counts::<gnttab_map_grant_ref>(), [6]);
    assert_eq!(picture(&slots), "mmmmmm");
    for (at, slot) in slots.iter().enumerate() {
        assert_eq!(slot.mapping().unwrap().grant().reference.0, FIRST + at as u32);
        slot.view().unwrap().write(0, &[at as u8]).unwrap();
    }
    unmap_each(&mut slots, &mut unmap_elements::<6>()).unwrap();
    assert_eq!(rig.xen.counts::<gnttab_unmap_grant_ref>(), [6]);
    assert_eq!(picture(&slots), "ffffff");
    assert!(rig.mapped().is_empty());
}

#[test]
fn all_or_nothing_unmaps_what_was_mapped() {
    let rig = Rig::new();
    let mut slots = slots::<5>(&rig);
    rig.xen.answer([Do, Do, Status(-3), Do, Status(-9)]);
    let error = all(&rig, &mut slots).unwrap_err();
    let BatchError::Slot { index, error, stuck } = error else { panic!("{error}") };
    assert_eq!((index, status(error), stuck), (2, Some(GNTST_bad_gntref), 0));
    assert_eq!(picture(&slots), "rrxrx");
    assert!(rig.mapped().is_empty());
}

/// The hypercall ends half way: what was mapped is unmapped, and the one that Xen was at is leaked, for
/// it may be mapped.
#[test]
fn all_or_nothing_after_a_fault_half_way() {
    for (answer, left) in [(Fault, 0), (DoThenFault, 1)] {
        let rig = Rig::new();
        let mut slots = slots::<4>(&rig);
        rig.xen.answer([Do, answer]);
        let error = all(&rig, &mut slots).unwrap_err();
        let BatchError::Slot { index, error, stuck } = error else { panic!("{error}") };
        let MapError::Xen(error) = error else { panic!("{error}") };
        assert_eq!((index, error.errno(), stuck), (1, Some(XEN_EFAULT), 1));
        assert_eq!(picture(&slots), "rLxx");
        assert_eq!(rig.mapped().len(), left);
        drop(slots);
        assert_eq!(rig.returned(), [1, 3, 4]);
    }
}

#[test]
fn a_failed_unwind_is_reported_and_the_mapping_kept_or_leaked() {
    let rig = Rig::new();
    let mut slots = slots::<4>(&rig);
    rig.xen.answer([Do, Do, Do, Status(-3), Status(-8), Status(-1)]);
    let error = all(&rig, &mut slots).unwrap_err();
    let BatchError::Slot { index, stuck, .. } = error else { panic!("{error}") };
    assert_eq!((index, stuck), (3, 2));
    assert_eq!(picture(&slots), "sLrx");
    unmap_each(&mut slots, &mut unmap_elements::<1>()).unwrap();
    assert_eq!(picture(&slots), "fLrx", "what is stuck can be unmapped later");
    drop(slots);
    assert_eq!(rig.returned(), [1, 3, 4]);
}

#[test]
fn keeping_what_is_mapped_gives_each_slot_its_result() {
    let rig = Rig::new();
    let mut slots = slots::<5>(&rig);
    rig.xen.answer([Do, Status(-3), Do, Status(7), Status(-12)]);
    assert_eq!(each(&rig, &mut slots, &mut NoRetry), 2);
    assert_eq!(picture(&slots), "mxmLx");
    let statuses = slots.iter().filter_map(|slot| match slot {
        Slot::Failed { error, .. } => status(*error).map(|status| status.0),
        _ => None,
    });
    assert_eq!(statuses.collect::<Vec<_>>(), [-3, 7, -12]);
}

#[test]
fn only_what_is_to_be_tried_again_is_tried_again() {
    let rig = Rig::new();
    let mut slots = slots::<4>(&rig);
    rig.xen.answer([Do, Status(-12), Do, Status(-12)]);
    rig.xen.answer([Status(-12), Do]);
    assert_eq!(each(&rig, &mut slots, &mut Backoff::new(|_| ())), 4);
    assert_eq!(rig.xen.counts::<gnttab_map_grant_ref>(), [4, 2, 1]);
    for (number, slot) in (1..).zip(&slots) {
        let mapping = slot.mapping().unwrap();
        assert_eq!(mapping.host_addr(), rig.addr(number));
        let reference = mapping.grant().reference;
        assert_eq!(reference.0, FIRST + number as u32 - 1, "answers find their slots");
    }
}

/// Linux let a later round of a batch overwrite the error of an earlier one.
#[test]
fn xsa_365_an_error_stays_when_others_are_tried_again() {
    let rig = Rig::new();
    let mut slots = slots::<3>(&rig);
    rig.xen.answer([Status(-3), Status(-12), Status(-9)]);
    assert_eq!(each(&rig, &mut slots, &mut Backoff::new(|_| ())), 1);
    assert_eq!(picture(&slots), "xmx");
    let Slot::Failed { error, .. } = &slots[0] else { panic!() };
    assert_eq!(status(*error), Some(GNTST_bad_gntref));
}

/// A batch that has failed already does not wait.
#[test]
fn all_or_nothing_does_not_wait_after_a_failure() {
    let rig = Rig::new();
    let mut slots = slots::<2>(&rig);
    rig.xen.answer([Status(-12), Status(-3)]);
    let mut retry = Backoff::new(|_| panic!("waits"));
    let error =
        map_all_with_retry(&rig.xen, &mut slots, &mut elements::<2>(), &mut retry).unwrap_err();
    assert!(matches!(error, BatchError::Slot { index: 1, .. }), "{error}");
    assert_eq!(picture(&slots), "rx");
}

#[test]
fn a_hypercall_that_failed_is_not_tried_again() {
    let rig = Rig::new();
    let mut slots = slots::<3>(&rig);
    rig.xen.answer([Do, Status(-12), Fault]);
    assert_eq!(each(&rig, &mut slots, &mut Backoff::new(|_| panic!("waits"))), 1);
    assert_eq!(picture(&slots), "mxL");
}

#[test]
fn all_or_nothing_tries_again_what_is_not_there_yet() {
    let rig = Rig::new();
    let mut slots = slots::<3>(&rig);
    rig.xen.truth().faults().eagain(2);
    all(&rig, &mut slots).unwrap();
    assert_eq!(rig.xen.counts::<gnttab_map_grant_ref>(), [3, 2]);
    assert_eq!(picture(&slots), "mmm");
}

#[test]
fn all_or_nothing_gives_up_in_the_end() {
    let rig = Rig::new();
    let mut slots = slots::<2>(&rig);
    rig.xen.truth().faults().eagain(1000);
    let error = map_all(&rig.xen, &mut slots, &mut elements::<2>()).unwrap_err();
    let BatchError::Slot { index: 0, error, stuck: 0 } = error else { panic!("{error}") };
    assert_eq!(status(error), Some(GNTST_eagain));
    assert_eq!(picture(&slots), "rr");
}

/// Elements without an answer after a hypercall that says that all is well.
#[test]
fn xsa_318_every_element_needs_an_answer() {
    let rig = Rig::new();
    let mut slots = slots::<3>(&rig);
    rig.xen.answer([Do, Skip, Skip]);
    assert_eq!(each(&rig, &mut slots, &mut NoRetry), 1);
    assert_eq!(picture(&slots), "mLL");
}

/// In Linux a step of its own failed after Xen had mapped, and the mapping was forgotten.
#[test]
fn xsa_367_a_failure_of_our_own_after_xens_success_unmaps() {
    let rig = Rig::with(GuestKind::Pv, 8);
    let mut slots = slots::<3>(&rig);
    let Slot::Request { devices, .. } = &mut slots[1] else { panic!() };
    *devices = true;
    rig.xen.hide_device_addresses();
    let error = all(&rig, &mut slots).unwrap_err();
    let BatchError::Slot { index: 1, error, stuck: 1 } = error else { panic!("{error}") };
    assert_eq!(error, MapError::DeviceAddress);
    assert_eq!(picture(&slots), "rLr");
    assert_eq!(rig.mapped(), [2], "and its target is never used again");
}

/// Linux mapped over handles that were still in use, which could not be unmapped afterwards.
#[test]
fn xsa_371_a_live_mapping_is_never_overwritten() {
    let rig = Rig::new();
    let mut slots = slots::<3>(&rig);
    all(&rig, &mut slots[1..2]).unwrap();
    let handle = slots[1].mapping().unwrap().handle();
    assert_eq!(all(&rig, &mut slots), Err(BatchError::NoRequest(1)));
    assert_eq!(picture(&slots), "rmr");
    assert_eq!(each(&rig, &mut slots, &mut NoRetry), 2);
    assert_eq!(slots[1].mapping().unwrap().handle(), handle);
    assert_eq!(rig.xen.counts::<gnttab_map_grant_ref>(), [1, 2]);
    assert_eq!(rig.mapped().len(), 3);
}

#[test]
fn nonsense_is_refused_before_any_hypercall() {
    let rig = Rig::new();
    let mut slots = slots::<3>(&rig);
    let large = TooLarge::Elements { needed: 3, given: 2 };
    let mut short = elements::<2>();
    assert_eq!(map_each(&rig.xen, &mut slots, &mut short), Err(large));
    assert_eq!(map_all(&rig.xen, &mut slots, &mut short), Err(large.into()));
    slots[2] = Slot::new(grant(8), rig.target(0), ReadWrite);
    let error = all(&rig, &mut slots).unwrap_err();
    let refused = BatchError::Slot { index: 2, error: MapError::HostAddress(0), stuck: 0 };
    assert_eq!(error, refused);
    assert_eq!(picture(&slots), "rrr");
    assert!(rig.xen.calls() == 0);
    assert_eq!(each(&rig, &mut slots, &mut NoRetry), 2);
    assert_eq!(picture(&slots), "mmx", "in a batch that keeps what works, only that one fails");
    let short = unmap_each(&mut slots, &mut unmap_elements::<1>());
    assert_eq!(short, Err(TooLarge::Elements { needed: 2, given: 1 }.into()));
}

#[test]
fn an_empty_batch_needs_no_hypercall() {
    let rig = Rig::new();
    let mut slots: [Place<'_>; 2] = [Slot::Empty, Slot::Free(rig.target(1))];
    assert_eq!(each(&rig, &mut slots, &mut NoRetry), 0);
    all(&rig, &mut []).unwrap();
    unmap_each(&mut slots, &mut []).unwrap();
    assert!(rig.xen.calls() == 0);
}

/// Zephyr ignored the statuses of an unmap batch.
#[test]
fn d4_each_status_of_an_unmap_batch_is_read() {
    let rig = Rig::new();
    let mut slots = slots::<6>(&rig);
    all(&rig, &mut slots).unwrap();
    rig.xen.answer([Do, Status(-8), Status(-1), Do, Fault]);
    let error = unmap_each(&mut slots, &mut unmap_elements::<6>()).unwrap_err();
    let BatchError::Slot { index, error, stuck } = error else { panic!("{error}") };
    assert_eq!((index, status(error), stuck), (1, Some(GNTST_permission_denied), 4));
    assert_eq!(picture(&slots), "fsLfLs");
    slots[1].view().unwrap().write(0, &[1]).unwrap();
    unmap_each(&mut slots, &mut unmap_elements::<2>()).unwrap();
    assert_eq!(picture(&slots), "ffLfLf");
    drop(slots);
    assert_eq!(rig.returned(), [1, 2, 4, 6]);
}

#[test]
fn dropping_the_slots_unmaps() {
    let rig = Rig::new();
    let mut slots = slots::<3>(&rig);
    all(&rig, &mut slots).unwrap();
    drop(slots);
    assert!(rig.mapped().is_empty());
    assert_eq!(rig.returned(), [1, 2, 3]);
}

/// Whatever Xen answers: no panic, and a target is returned only when nothing is mapped there, for
/// which [`Target`] looks. The one thing taken for granted is that Xen goes through a batch in order, so
/// elements that are passed over and faults half way do not come together.
#[test]
fn xsa_362_no_answers_panic() {
    let mut state = 1_u32;
    let mut random = |below: u32| {
        state = state.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
        (state >> 8) % below
    };
    for _ in 0..if cfg!(miri) { 20 } else { 1500 } {
        let rig = Rig::with(GuestKind::Pvh, 4);
        let passes_over = random(2) == 0;
        let mut answers = || match random(8) {
            0 if passes_over => Skip,
            1 => Status([-13, -9, -8, -6, -4, -3, -1, 1, 13][random(9) as usize]),
            2 => Status(-12),
            3 if !passes_over => [Fault, DoThenFault][random(2) as usize],
            _ => Do,
        };
        rig.xen.answer([(); 40].map(|()| answers()));
        // A result that hides what the statuses say.
        let results = [(); 6].map(|()| [0, 0, 0, -14, 3, isize::MIN][random(6) as usize]);
        rig.xen.outcome(results.map(After));
        let mut slots = slots::<4>(&rig);
        let mut retry = Backoff::new(|_| ());
        if random(2) == 0 {
            let _ = all(&rig, &mut slots);
            assert!(!picture(&slots).contains('m') || picture(&slots) == "mmmm");
        } else {
            each(&rig, &mut slots, &mut retry);
            assert!(!picture(&slots).contains('r'));
        }
        let _ = unmap_each(&mut slots, &mut unmap_elements::<4>());
        assert!(!picture(&slots).contains('m'));
    }
}
