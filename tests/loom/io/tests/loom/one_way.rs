//! A one-way ring of one unit, whose consumer's index is shared.

use std::sync::Arc;

use loom::thread;
use xen_io_loom::protocol::{Orders, Proven, Receiver, Sender};

use super::{Index, Slot, WeakObserve, WeakPublish, WeakRelease, WeakReuse};

const SIZE: u32 = 1;

struct Ring {
    prod: Index,
    cons: Index,
    slot: Slot,
}

/// The sender writes a unit, and another in its place once the receiver has read it.
fn units<S: Orders, R: Orders>() {
    loom::model(|| {
        let ring = Arc::new(Ring { prod: Index::new(0), cons: Index::new(0), slot: Slot::new() });
        let receiving = Arc::clone(&ring);
        let receiver = thread::spawn(move || {
            let mut receiver = Receiver::new(0);
            if receiver.available::<R>(&receiving.prod, SIZE).unwrap() > 0 {
                assert_eq!(receiving.slot.read(), 1);
                receiver.release::<R>(&receiving.cons, 1);
            }
        });
        let mut sender = Sender::new(0, 0);
        ring.slot.write(1);
        sender.publish::<S>(&ring.prod, 1);
        if sender.free::<S>(&ring.cons, SIZE).unwrap() > 0 {
            ring.slot.write(2);
        }
        receiver.join().unwrap();
    });
}

#[test]
fn units_are_seen_whole() {
    units::<Proven, Proven>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn publishing_without_release_is_a_race() {
    units::<WeakPublish, Proven>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn observing_without_acquire_is_a_race() {
    units::<Proven, WeakObserve>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn releasing_without_release_is_a_race() {
    units::<Proven, WeakRelease>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn reusing_without_acquire_is_a_race() {
    units::<WeakReuse, Proven>();
}
