//! Waiters: none sleeps while there is what it waits for.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Wake, Waker};

use loom::thread;
use xen_ops_loom::gnttab::protocol::{Proven, Taken};

use super::references::Shared;

/// Whether the waiter was woken. It orders nothing: loom does not know of it.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

/// Waits until `count` references are free, by `wait`, while `others` free them; in the end they have.
pub(super) fn until_free(
    shared: &Shared,
    count: usize,
    wait: impl Fn(&Shared, usize, &Waker) -> usize,
    others: Vec<thread::JoinHandle<()>>,
) {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let slot = shared.refs.waiters().join().unwrap();
    let is_ready = || wait(shared, slot, &waker) >= count;
    let is_woken = || woken.0.swap(false, Relaxed);
    let mut ready = is_ready() || is_woken() && is_ready();
    for other in others {
        other.join().unwrap();
    }
    while !ready {
        assert!(is_woken(), "asleep forever");
        ready = is_ready();
    }
    shared.refs.waiters().leave(slot);
}

pub(super) fn right(shared: &Shared, slot: usize, waker: &Waker) -> usize {
    shared.refs.wait::<Proven>(slot, waker)
}

/// One thread each frees one of the references 0 and 32, which are in different words.
fn wait(wait: fn(&Shared, usize, &Waker) -> usize, count: usize) {
    loom::model(move || {
        let shared = Shared::new(33);
        assert_eq!(shared.refs.take_run::<Proven>(33), Some(0));
        let free = [0, 32].into_iter().take(count).map(|reference| {
            thread::spawn(move || shared.refs.free::<Proven>(Taken::one(reference)))
        });
        let others = free.collect();
        until_free(shared, count, wait, others);
    });
}

#[test]
fn a_waiter_for_one_is_woken() {
    wait(right, 1);
}

#[test]
fn a_waiter_for_two_is_woken() {
    wait(right, 2);
}

#[test]
#[should_panic(expected = "asleep forever")]
fn marking_before_registering_loses_the_wake_up() {
    let weak = |shared: &Shared, slot, waker: &_| {
        let free = shared.refs.mark::<Proven>();
        shared.refs.waiters().register(slot, waker);
        free
    };
    wait(weak, 1);
}

#[test]
#[should_panic(expected = "asleep forever")]
fn looking_without_a_mark_loses_the_wake_up() {
    let weak = |shared: &Shared, slot, waker: &_| {
        shared.refs.waiters().register(slot, waker);
        shared.refs.count()
    };
    wait(weak, 1);
}
