//! The reaper: against those who fill it, against itself, and against those who wait for references.

use std::sync::atomic::Ordering;

use loom::sync::Arc;
use loom::thread;
use xen_ops_loom::gnttab::ReaperSlot;
use xen_ops_loom::gnttab::protocol::{Body, EntryV1, Header, Orders, Proven, Reaper, Taken};
use xen_ops_loom::xen_abi::xen::domid_t;

use super::references::Shared;
use super::wake::{right, until_free};

fn reaper(slots: usize) -> Reaper<'static, Box<u32>> {
    Reaper::new((0..slots).map(|_| ReaperSlot::new()).collect::<Vec<_>>().leak())
}

/// Two threads defer and reap through one slot: pages arrive whole, and once.
fn two<O: Orders>() {
    loom::model(|| {
        let reaper = Arc::new(reaper(1));
        let work = |reaper: &Reaper<'_, _>, reference: u32| {
            reaper.defer::<O>(reference, Some(Box::new(reference)));
            reaper.reap::<O>(1, |_| true, |_| {}).freed
        };
        let other = thread::spawn({
            let reaper = reaper.clone();
            move || work(&reaper, 8)
        });
        let freed = work(&reaper, 9) + other.join().unwrap();
        let counted = reaper.deferred();
        assert_eq!((counted.reclaimed, counted.total), (freed, counted.waiting + freed));
        assert_eq!(counted.total + counted.leaked, 2);
        // The pages that are left are loom's to miss.
        reaper.reap::<Proven>(1, |_| true, |_| {});
    });
}

/// A peer unmaps, the reaper ends the grant and frees the reference: a waiter for it is woken.
#[test]
fn a_waiter_for_what_is_deferred_is_woken() {
    loom::model(|| {
        let shared = Shared::new(9);
        assert_eq!(shared.refs.take_run::<Proven>(9), Some(0));
        let reaper = Arc::new(reaper(1));
        let entry = Arc::new(EntryV1::default());
        entry.publish::<Proven>(Header::access(domid_t(7), false), Body::page(0));
        entry.claim(domid_t(7), true).unwrap();
        assert!(entry.end::<Proven>().is_err());
        reaper.defer::<Proven>(8, Some(Box::new(8)));
        let other = thread::spawn({
            let (reaper, entry) = (reaper.clone(), entry.clone());
            move || {
                entry.unclaim();
                let reaped = reaper.reap::<Proven>(
                    1,
                    |_| entry.end::<Proven>().is_ok(),
                    |reference| shared.refs.free::<Proven>(Taken::one(reference)),
                );
                assert_eq!(reaped.freed, 1);
            }
        });
        until_free(shared, 1, right, vec![other]);
    });
}

enum Defer {}
impl Orders for Defer {
    const DEFER: Ordering = Ordering::Relaxed;
}

enum Hold {}
impl Orders for Hold {
    const HOLD: Ordering = Ordering::Relaxed;
}

#[test]
fn pages_arrive_whole_and_once() {
    two::<Proven>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn deferred_relaxed() {
    two::<Defer>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn held_relaxed() {
    two::<Hold>();
}
