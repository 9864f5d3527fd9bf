//! One mapping at a time.

use std::time::Duration;

use xen_abi::GrantStatus;
use xen_abi::errno::XEN_EFAULT;
use xen_abi::grant_table::*;
use xen_abi::xen::{DOMID_SELF, domid_t};

use xen_ops::gnttab::map::{MapError, leaked};
use xen_ops::gnttab::retry::Backoff;
use xen_ops::hypercall::{Cause, UNTOUCHED};
use xen_ops::page::Page as _;
use xen_ops::view::Access;
use xen_ops::{DomainId, Failed, InvalidDomainId, Mapping, ReadOnly, ReadWrite};
use xen_sim::{Domain, GuestKind};

use super::{FIRST, Rig, Target, grant};
use crate::lies::Answer::{self, DoThenFault, Fault, Skip, Status};
use crate::lies::Lies;
use crate::lies::Outcome::{After, Instead};
use crate::pfn_to_u64;

type Mapped<'r, A> = Mapping<&'r Lies<Domain>, Target<'r>, A>;

pub(super) fn map<A: Access>(
    rig: &Rig,
    number: u64,
    access: A,
) -> Result<Mapped<'_, A>, Failed<MapError, Target<'_>>> {
    Mapping::new(&rig.xen, grant(FIRST), rig.target(number), access)
}

pub(super) fn status(error: MapError) -> Option<GrantStatus> {
    match error {
        MapError::Xen(error) => error.status(),
        _ => None,
    }
}

#[test]
fn a_grant_is_mapped_seen_and_unmapped() {
    let rig = Rig::new();
    let mapping = map(&rig, 1, ReadWrite).unwrap();
    assert_eq!(rig.xen.seen::<gnttab_map_grant_ref>()[0].flags, GNTMAP_host_map);
    assert_eq!((mapping.grant(), mapping.host_addr()), (grant(FIRST), rig.addr(1)));
    let page = rig.granted(FIRST);
    let frame = rig.peers[0].machine_frame(page.frame()).unwrap();
    assert_eq!(mapping.machine_addr(), pfn_to_u64(frame) << 12);
    mapping.view().write(8, b"seen").unwrap();
    assert_eq!(page.view().read_obj::<[u8; 4]>(8).unwrap(), *b"seen");
    let target = mapping.unmap().unwrap();
    assert_eq!((target.number, rig.mapped().len()), (1, 0));
    assert_eq!(
        rig.xen.seen::<gnttab_unmap_grant_ref>()[0].dev_bus_addr,
        0,
        "no device map, so none to take away"
    );
}

#[test]
fn a_read_only_mapping_asks_for_no_more() {
    let rig = Rig::new();
    let _mapping = map(&rig, 1, ReadOnly).unwrap();
    let flags = rig.xen.seen::<gnttab_map_grant_ref>()[0].flags;
    assert_eq!(flags, GNTMAP_host_map | GNTMAP_readonly);
}

#[test]
fn dropping_unmaps_and_gives_the_target_back() {
    let rig = Rig::new();
    drop(map(&rig, 3, ReadOnly).unwrap());
    assert_eq!(rig.returned(), [3]);
    assert!(rig.mapped().is_empty());
}

/// Zephyr overwrote a success on the last try with `bad_page`, and so leaked a live mapping.
#[test]
fn d3_success_on_the_last_try_stays_success() {
    let rig = Rig::new();
    let mut waited = Vec::new();
    rig.xen.truth().faults().eagain(255);
    let mut policy = Backoff::new(|time: Duration| waited.push(time.as_millis()));
    let mapping: Mapped<'_, ReadOnly> =
        Mapping::with_retry(&rig.xen, grant(FIRST), rig.target(1), ReadOnly, &mut policy).unwrap();
    assert_eq!(rig.mapped(), [1]);
    drop(mapping);
    assert_eq!(waited, (1..=255).collect::<Vec<_>>());

    rig.xen.truth().faults().eagain(256);
    let failed: Result<Mapped<'_, ReadOnly>, _> = Mapping::with_retry(
        &rig.xen,
        grant(FIRST),
        rig.target(2),
        ReadOnly,
        &mut Backoff::new(|_| ()),
    );
    let error = failed.unwrap_err();
    assert_eq!(status(error.error), Some(GNTST_eagain));
    assert!(error.returned.is_some());
    assert_eq!(rig.xen.counts::<gnttab_map_grant_ref>().len(), 256 + 256);
}

/// Zephyr did not look at the result of the hypercall that tries again.
#[test]
fn d3_the_result_of_the_retried_hypercall_counts() {
    let rig = Rig::new();
    rig.xen.answer([Status(-12), Fault]);
    let failed: Result<Mapped<'_, ReadOnly>, _> = Mapping::with_retry(
        &rig.xen,
        grant(FIRST),
        rig.target(1),
        ReadOnly,
        &mut Backoff::new(|_| ()),
    );
    let MapError::Xen(error) = failed.unwrap_err().error else { panic!() };
    assert_eq!(error.errno(), Some(XEN_EFAULT));
}

/// Zephyr never read the statuses of an unmap: a target would be used again with a frame under it.
#[test]
fn d4_a_failed_unmap_never_gives_the_target_back() {
    for answer in [Status(-1), Status(-4), Status(1), Skip, Fault] {
        let rig = Rig::new();
        let mapping = map(&rig, 1, ReadOnly).unwrap();
        rig.xen.answer([answer]);
        let error = mapping.unmap().unwrap_err();
        assert!(error.returned.is_none(), "{answer:?}");
        assert!(rig.returned().is_empty(), "{answer:?}");
        assert_eq!(rig.xen.counts::<gnttab_unmap_grant_ref>(), [1], "{answer:?}: no second try");
    }
}

#[test]
fn an_unmap_that_changed_nothing_can_be_tried_again() {
    let rig = Rig::new();
    let mut mapping = map(&rig, 1, ReadWrite).unwrap();
    for refused in [-1, -22, -38] {
        rig.xen.outcome([Instead(refused)]);
        mapping = mapping.unmap().unwrap_err().returned.unwrap();
    }
    // GNTST_permission_denied and GNTST_bad_dev_addr.
    for refused in [-8, -6] {
        rig.xen.answer([Status(refused)]);
        mapping = mapping.unmap().unwrap_err().returned.unwrap();
    }
    mapping.view().write(0, &[1]).unwrap();
    assert_eq!(mapping.unmap().unwrap().number, 1);
}

/// vm-memory panicked in drop when an unmap failed.
#[test]
fn d6_a_failed_unmap_in_drop_leaks_the_target_and_is_counted() {
    let rig = Rig::new();
    let before = leaked();
    let mapping = map(&rig, 1, ReadOnly).unwrap();
    rig.xen.answer([Status(-1)]);
    drop(mapping);
    assert!(rig.returned().is_empty());
    assert!(leaked() > before);
}

/// vm-memory never read the error of a page.
#[test]
fn d6_the_status_of_each_grant_is_read() {
    for value in -13..0 {
        let rig = Rig::new();
        rig.xen.answer([Status(value)]);
        let error = map(&rig, 1, ReadOnly).unwrap_err();
        assert_eq!(status(error.error), Some(GrantStatus(value)));
        assert_eq!(error.returned.unwrap().number, 1);
    }
}

/// Xen once answered a failed map with a positive status, which is no error by its sign.
#[test]
fn xsa_316_a_positive_status_is_a_failure() {
    let rig = Rig::new();
    rig.xen.answer([Status(1)]);
    let error = map(&rig, 1, ReadOnly).unwrap_err();
    assert_eq!(status(error.error), Some(GrantStatus(1)));
    assert!(error.returned.is_none(), "it may be mapped");
}

#[test]
fn a_status_that_xen_does_not_define_says_nothing() {
    let rig = Rig::new();
    rig.xen.answer([Status(-14)]);
    let error = map(&rig, 1, ReadOnly).unwrap_err();
    assert_eq!(status(error.error), Some(GrantStatus(-14)));
    assert!(error.returned.is_none(), "it may be mapped");
}

#[test]
fn a_hypercall_that_failed_is_not_tried_again() {
    let rig = Rig::new();
    rig.xen.answer([Status(-12)]);
    rig.xen.outcome([After(-14)]);
    let mut retry = Backoff::new(|_| panic!("waits"));
    let failed: Result<Mapped<'_, ReadOnly>, _> =
        Mapping::with_retry(&rig.xen, grant(FIRST), rig.target(1), ReadOnly, &mut retry);
    assert!(failed.unwrap_err().returned.is_some());
}

/// A continuation of Xen's once left statuses as they were and reported success.
#[test]
fn xsa_318_an_element_without_a_status_is_a_failure() {
    let rig = Rig::new();
    rig.xen.answer([Skip]);
    let error = map(&rig, 1, ReadOnly).unwrap_err();
    assert_eq!(status(error.error), Some(UNTOUCHED));
    assert!(error.returned.is_none(), "it may be mapped");
}

/// Xen maps before it writes the answer: when that faults, the frame is there without a handle.
#[test]
fn a_map_whose_answer_is_lost_leaks_the_target() {
    let rig = Rig::new();
    rig.xen.answer([DoThenFault]);
    let error = map(&rig, 1, ReadOnly).unwrap_err();
    assert!(error.returned.is_none());
    assert_eq!(rig.mapped(), [1], "and it is still there");
}

#[test]
fn a_hypercall_that_xen_refuses_keeps_the_target() {
    for refused in [-1, -22, -38, -95] {
        let rig = Rig::new();
        rig.xen.outcome([Instead(refused)]);
        let error = map(&rig, 1, ReadOnly).unwrap_err();
        assert!(error.returned.is_some(), "{refused}");
    }
}

/// Linux unmapped without the device address, so that the device's half of a mapping stayed.
#[test]
fn xsa_361_an_unmap_takes_the_device_map_away_too() {
    let rig = Rig::with(GuestKind::Pv, 8);
    let mapping: Mapped<'_, ReadOnly> =
        Mapping::for_devices(&rig.xen, grant(FIRST), rig.target(1), ReadOnly).unwrap();
    assert!(mapping.has_devices());
    let flags = rig.xen.seen::<gnttab_map_grant_ref>()[0].flags;
    assert_eq!(flags, GNTMAP_host_map | GNTMAP_device_map | GNTMAP_readonly);
    let machine_addr = mapping.machine_addr();
    mapping.unmap().unwrap();
    assert_eq!(rig.xen.seen::<gnttab_unmap_grant_ref>()[0].dev_bus_addr, machine_addr);
    assert!(rig.mapped().is_empty());
}

/// An unmap of device address 0 would leave the device's half and say that all is well.
#[test]
fn xsa_361_a_device_map_at_address_0_is_a_failure() {
    let rig = Rig::with(GuestKind::Pv, 8);
    rig.xen.hide_device_addresses();
    let failed: Result<Mapped<'_, ReadOnly>, _> =
        Mapping::for_devices(&rig.xen, grant(FIRST), rig.target(1), ReadOnly);
    let error = failed.unwrap_err();
    assert_eq!(error.error, MapError::DeviceAddress);
    assert!(error.returned.is_none());
}

/// An unmap of host address 0 unmaps nothing and says that all is well, so nothing is mapped there.
#[test]
fn a_target_at_address_0_is_refused() {
    let rig = Rig::new();
    let error = map(&rig, 0, ReadOnly).unwrap_err();
    assert_eq!(error.error, MapError::HostAddress(0));
    assert_eq!(error.returned.unwrap().number, 0);
    assert_eq!(rig.xen.calls(), 0);
}

/// Linux had a `BUG` where a map failed. Here no answer of Xen's is a panic, and a target is returned
/// only when nothing is mapped there: [`Target`] looks when it is dropped.
#[test]
fn xsa_362_no_answer_panics() {
    let answers = |value: i16| [Status(value), Skip, Fault, DoThenFault];
    let values: &[i16] = if cfg!(miri) {
        &[-12, 1, i16::MIN]
    } else {
        &[-20, -13, -12, -9, -8, -6, -4, -3, -1, 0, 1, 13, i16::MIN, i16::MIN + 1, i16::MAX]
    };
    let results = [0, 1, -1, -14, -22, -4095, isize::MIN, isize::MAX];
    for value in values {
        for first in answers(*value) {
            for second in answers(*value) {
                for result in results {
                    any_answer(first, second, result);
                }
            }
        }
    }
}

fn any_answer(first: Answer, second: Answer, result: isize) {
    // These results say that Xen did nothing, so it did nothing.
    let outcome = if [-1, -22].contains(&result) { Instead(result) } else { After(result) };
    let rig = Rig::with(GuestKind::Pvh, 1);
    rig.xen.answer([first]);
    rig.xen.outcome([outcome]);
    let Ok(mapping) = map(&rig, 1, ReadOnly) else { return };
    rig.xen.clear();
    rig.xen.answer([second]);
    rig.xen.outcome([outcome]);
    if let Err(error) = mapping.unmap() {
        drop(error.returned);
    }
}

/// Linux trusted lists of references that a peer had written. Here what names no domain cannot be asked
/// for, and for the rest Xen's word counts.
#[test]
fn xsa_363_what_a_peer_names_is_checked() {
    for domid in [DOMID_SELF, domid_t(0x7ff4), domid_t(u16::MAX)] {
        assert_eq!(DomainId::new(domid), Err(InvalidDomainId(domid)));
    }
    let rig = Rig::new();
    let failed: Result<Mapped<'_, ReadOnly>, _> =
        Mapping::new(&rig.xen, grant(u32::MAX), rig.target(1), ReadOnly);
    assert_eq!(status(failed.unwrap_err().error), Some(GNTST_bad_gntref));
}

/// A peer whose frame stays paged out does not block a map forever.
#[test]
fn xsa_376_391_392_waiting_for_a_peer_ends() {
    let rig = Rig::new();
    rig.xen.truth().faults().eagain(1000);
    let mut waited = Duration::ZERO;
    let failed: Result<Mapped<'_, ReadOnly>, _> = Mapping::with_retry(
        &rig.xen,
        grant(FIRST),
        rig.target(1),
        ReadOnly,
        &mut Backoff::new(|time| waited += time),
    );
    assert_eq!(status(failed.unwrap_err().error), Some(GNTST_eagain));
    assert_eq!(waited, Duration::from_millis(255 * 256 / 2));
}

#[test]
fn errors_say_what_failed() {
    let rig = Rig::new();
    rig.xen.answer([Status(-3), Status(5)]);
    let text = map(&rig, 1, ReadOnly).unwrap_err().to_string();
    assert_eq!(
        text,
        "GNTTABOP_map_grant_ref: unknown or unsuitable grant reference (GNTST_bad_gntref)"
    );
    let failed = map(&rig, 1, ReadOnly).unwrap_err();
    let text = std::string::ToString::to_string(&failed);
    assert_eq!(text, "GNTTABOP_map_grant_ref: unknown grant status 5");
    let MapError::Xen(error) = failed.error else { panic!() };
    assert_eq!(error.cause(), Cause::Status(GrantStatus(5)));
}
