//! Mappings that are unmapped later.

use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Release;

use xen_abi::grant_table::GNTST_permission_denied;
use xen_ops::ReadOnly;
use xen_ops::gnttab::map::{Deferred, Polled, Waiting};
use xen_sim::Domain;

use super::one::map;
use super::{Rig, Target};
use crate::lies::Answer::Status;
use crate::lies::Lies;

type Place<'r> = Option<Waiting<&'r Lies<Domain>, Target<'r>, &'r AtomicUsize>>;

#[test]
fn a_mapping_is_unmapped_once_it_is_unused() {
    let users = [AtomicUsize::new(2), AtomicUsize::new(0)];
    let rig = Rig::new();
    let mut places: [Place<'_>; 2] = [None, None];
    let mut deferred = Deferred::new(&mut places);
    assert!(deferred.is_empty());
    for (number, users) in (1..).zip(&users) {
        deferred.push(map(&rig, number, ReadOnly).unwrap(), users).unwrap();
    }
    let full = deferred.push(map(&rig, 3, ReadOnly).unwrap(), &users[0]).unwrap_err();
    let (kept, _) = full.returned.unwrap();
    assert_eq!(kept.host_addr(), rig.addr(3));

    let mut freed = Vec::new();
    let polled = deferred.poll(|target| freed.push(target.number));
    assert_eq!((polled.unmapped, polled.in_use, deferred.len()), (1, 1, 1));
    assert!(!deferred.is_empty());
    users[0].fetch_sub(1, Release);
    assert_eq!(deferred.poll(|_| panic!()).in_use, 1);
    users[0].fetch_sub(1, Release);
    let polled = deferred.poll(|target| freed.push(target.number));
    assert_eq!((polled.unmapped, polled.in_use, deferred.len()), (1, 0, 0));
    assert_eq!(freed, [2, 1]);
    assert_eq!(deferred.poll(|_| panic!()), Polled::default());
}

/// A poll never waits, however long the users take and whatever Xen answers.
#[test]
fn xsa_376_391_392_a_poll_looks_once_at_each() {
    let users = AtomicUsize::new(0);
    let rig = Rig::new();
    let mut places: [Place<'_>; 3] = [None, None, None];
    let mut deferred = Deferred::new(&mut places);
    for number in 1..=3 {
        deferred.push(map(&rig, number, ReadOnly).unwrap(), &users).unwrap();
    }
    rig.xen.answer([Status(-8), Status(-1)]);
    let polled = deferred.poll(drop);
    assert_eq!((polled.unmapped, polled.stuck, polled.leaked), (1, 1, 1));
    assert_eq!(polled.error.unwrap().status(), Some(GNTST_permission_denied));
    assert_eq!(deferred.poll(drop).unmapped, 1, "what was stuck can be unmapped later");
    assert_eq!(rig.returned(), [3, 1]);
}

#[test]
fn what_is_in_use_when_it_is_dropped_is_never_used_again() {
    let users = [AtomicUsize::new(0), AtomicUsize::new(1)];
    let rig = Rig::new();
    let mut places: [Place<'_>; 2] = [None, None];
    let mut deferred = Deferred::new(&mut places);
    for (number, users) in (1..).zip(&users) {
        deferred.push(map(&rig, number, ReadOnly).unwrap(), users).unwrap();
    }
    drop(places);
    assert_eq!(rig.mapped(), [2]);
    assert_eq!(rig.returned(), [1]);
}
