//! Mappings that something still uses.

use std::cell::Cell;

use xen_ops::gnttab::map::{Deferred, InUse, leaked};
use xen_ops::{Mapping, ReadWrite};
use xen_sim::GuestKind::Pvh;

use super::support::{Machine, at_every_call, during, foreign_code};

/// A user that says what the cell holds.
#[derive(Debug)]
struct User<'c>(&'c Cell<bool>);

impl InUse for User<'_> {
    fn in_use(&self) -> bool {
        foreign_code();
        self.0.get()
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        foreign_code();
    }
}

/// What is in use stays mapped, whatever panics: in a poll, and when it is dropped.
#[test]
fn what_is_in_use_stays_mapped() {
    for dropped in [false, true] {
        at_every_call(|| {
            let machine = Machine::new(Pvh);
            let table = machine.table();
            let grants = machine.granted::<3>(&table);
            let remotes =
                grants.each_ref().map(|granted| machine.remote(granted.as_ref().unwrap()));
            let before = leaked();
            let in_use = [true, false, true].map(Cell::new);
            let mut places = [const { None }; 3];
            let mut deferred = Deferred::new(&mut places);
            for (remote, in_use) in remotes.into_iter().zip(&in_use) {
                let mapping =
                    Mapping::new(machine.backend(), remote, machine.target(), ReadWrite).unwrap();
                deferred.push(mapping, User(in_use)).unwrap();
            }
            if dropped {
                during(|| drop(places));
                assert!(machine.bob.live_mappings() <= leaked() - before);
            } else {
                during(|| {
                    deferred.poll(|target| {
                        foreign_code();
                        drop(target);
                    })
                });
                assert!(deferred.len() >= 2);
            }
            for at in [0, 2] {
                let reference = grants[at].as_ref().unwrap().reference();
                assert!(!machine.alice.pins(reference).is_zero(), "grant {at} is still mapped");
            }
            machine.check();
        });
    }
}
