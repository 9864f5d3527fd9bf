//! A ring of one entry for requests and responses.

use std::sync::Arc;

use loom::thread;
use xen_io_loom::protocol::{Consumer, Orders, Producer, Proven};

use super::{Index, NoAskFence, NoPushFence, Slot, WeakObserve, WeakPublish, WeakPush};

const SIZE: u32 = 1;

struct Ring {
    req_prod: Index,
    req_event: Index,
    rsp_prod: Index,
    rsp_event: Index,
    slot: Slot,
}

impl Ring {
    /// A ring in which no side waits.
    fn new() -> Arc<Self> {
        Arc::new(Self {
            req_prod: Index::new(0),
            req_event: Index::new(0),
            rsp_prod: Index::new(0),
            rsp_event: Index::new(0),
            slot: Slot::new(),
        })
    }
}

/// The front end makes a request, and another in the same slot once it has the response. The back end
/// answers what it finds, and either publishes the answer only or pushes it.
fn entries<F: Orders, B: Orders>(publishes: bool) {
    loom::model(move || {
        let ring = Ring::new();
        let back_end = Arc::clone(&ring);
        let back_end = thread::spawn(move || {
            let (mut requests, mut responses) = (Consumer::new(0), Producer::new(0));
            if requests.available::<B>(&back_end.req_prod, SIZE).unwrap() == 0 {
                return;
            }
            assert_eq!(back_end.slot.read(), 1);
            requests.advance();
            back_end.slot.write(2);
            responses.advance();
            if publishes {
                responses.publish::<B>(&back_end.rsp_prod);
            } else {
                responses.push::<B>(&back_end.rsp_prod, &back_end.rsp_event);
            }
        });
        let (mut requests, mut responses) = (Producer::new(0), Consumer::new(0));
        ring.slot.write(1);
        requests.advance();
        requests.push::<F>(&ring.req_prod, &ring.req_event);
        if responses.available::<F>(&ring.rsp_prod, SIZE).unwrap() > 0 {
            assert_eq!(ring.slot.read(), 2);
            responses.advance();
            ring.slot.write(3);
        }
        back_end.join().unwrap();
    });
}

#[test]
fn entries_are_seen_whole() {
    entries::<Proven, Proven>(false);
    entries::<Proven, Proven>(true);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn publishing_requests_without_release_is_a_race() {
    entries::<WeakPush, Proven>(false);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn observing_requests_without_acquire_is_a_race() {
    entries::<Proven, WeakObserve>(false);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn publishing_responses_without_release_is_a_race() {
    entries::<Proven, WeakPublish>(true);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn pushing_responses_without_release_is_a_race() {
    entries::<Proven, WeakPush>(false);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn observing_responses_without_acquire_is_a_race() {
    entries::<WeakObserve, Proven>(false);
}

/// One side produces while the other is about to wait for `count` entries: it sees them, or is notified. Entries are
/// pushed one by one, or published one by one and pushed together.
fn hold_off<P: Orders, C: Orders>(count: u32, publishes: bool) {
    loom::model(move || {
        let ring = Ring::new();
        let producing = Arc::clone(&ring);
        let producer = thread::spawn(move || {
            let mut producer = Producer::new(0);
            let mut notified = false;
            for _ in 0..count {
                producer.advance();
                if publishes {
                    producer.publish::<P>(&producing.req_prod);
                } else {
                    notified |= producer.push::<P>(&producing.req_prod, &producing.req_event);
                }
            }
            notified | producer.push::<P>(&producing.req_prod, &producing.req_event)
        });
        let mut consumer = Consumer::new(0);
        let is_ready =
            consumer.final_check::<C>(&ring.req_prod, &ring.req_event, count, count).unwrap();
        let is_notified = producer.join().unwrap();
        assert!(is_ready || is_notified, "asleep forever");
    });
}

#[test]
fn no_wake_up_is_lost() {
    for publishes in [false, true] {
        hold_off::<Proven, Proven>(1, publishes);
        hold_off::<Proven, Proven>(2, publishes);
    }
}

#[test]
#[should_panic(expected = "asleep forever")]
fn notifying_without_a_fence_loses_a_wake_up() {
    hold_off::<NoPushFence, Proven>(1, false);
}

#[test]
#[should_panic(expected = "asleep forever")]
fn checking_without_a_fence_loses_a_wake_up() {
    hold_off::<Proven, NoAskFence>(1, false);
}
