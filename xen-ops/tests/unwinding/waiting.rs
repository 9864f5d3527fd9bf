//! Waiting for references.

use xen_sim::GuestKind::Pvh;

use super::support::{Machine, Woken, at_every_call, during, references};

/// A waker that panics keeps no other waiter asleep, and no slot for a waiter is lost.
#[test]
fn all_waiters_are_woken() {
    at_every_call(|| {
        let machine = Machine::new(Pvh);
        let table = machine.table();
        let held = table.alloc().unwrap();
        let woken = [(); 8].map(|()| Woken::default());
        let mut waiters = [(); 8].map(|()| table.waiter(references(1)).unwrap());
        for (waiter, woken) in waiters.iter_mut().zip(&woken) {
            assert!(!waiter.is_ready(&woken.waker()));
        }
        during(|| drop(held));
        assert_eq!(woken.each_ref().map(Woken::count), [1; 8]);
        drop(waiters);
        assert_eq!([(); 8].map(|()| table.waiter(1).is_ok()), [true; 8]);
    });
}

/// A waker whose clone or drop panics leaves a slot that works for the next waiter.
#[test]
fn registering_and_leaving() {
    at_every_call(|| {
        let machine = Machine::new(Pvh);
        let table = machine.table();
        let held = table.alloc().unwrap();
        during(|| {
            let mut waiter = table.waiter(references(1)).unwrap();
            let woken = Woken::default();
            // The second one takes the place of the first.
            assert!(!waiter.is_ready(&woken.waker()));
            assert!(!waiter.is_ready(&woken.waker()));
        });
        let woken = [(); 8].map(|()| Woken::default());
        let mut waiters = [(); 8].map(|()| table.waiter(references(1)).unwrap());
        for (waiter, woken) in waiters.iter_mut().zip(&woken) {
            assert!(!waiter.is_ready(&woken.waker()));
        }
        assert_eq!(woken.each_ref().map(Woken::count), [0; 8], "none is woken for nothing");
        drop(held);
        assert_eq!(woken.each_ref().map(Woken::count), [1; 8]);
    });
}
