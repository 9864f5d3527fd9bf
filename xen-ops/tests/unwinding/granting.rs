//! Grants, made and revoked.

use xen_ops::gnttab::revoke_all;
use xen_ops::{Mapping, ReadWrite};
use xen_sim::GuestKind::Pvh;

use super::support::{Backend, Machine, Page, at_every_call, during, foreign_code, references};
use super::support::{Target, Woken};

/// Allocates all references but those in use, so that a waiter for all of them has to wait.
const ALL: usize = references(1);

#[test]
fn revoking_many_whose_references_are_waited_for() {
    at_every_call(|| {
        let machine = Machine::new(Pvh);
        let table = machine.table();
        // References 8 to 32: of two words of the bitmap.
        let mut slots = machine.granted::<25>(&table);
        let woken = Woken::default();
        let mut waiter = table.waiter(ALL).unwrap();
        assert!(!waiter.is_ready(&woken.waker()));
        during(|| {
            revoke_all(&mut slots, |page: Page| {
                foreign_code();
                drop(page);
            })
        });
        assert_eq!(woken.count(), 1);
        assert_eq!(machine.check_references(&table, &slots), references(4));
    });
}

/// What is still mapped stays granted, and its page is not returned.
#[test]
fn revoking_what_is_mapped() {
    at_every_call(|| {
        let machine = Machine::new(Pvh);
        let table = machine.table();
        let mut slots = machine.granted::<25>(&table);
        let last = machine.remote(slots[24].as_ref().unwrap());
        let mapping = Mapping::new(machine.bob.clone(), last, machine.bob.target(), ReadWrite);
        let woken = Woken::default();
        let mut waiter = table.waiter(ALL).unwrap();
        assert!(!waiter.is_ready(&woken.waker()));
        during(|| revoke_all(&mut slots, drop));
        assert!(slots[24].is_some());
        assert_eq!(machine.check_references(&table, &slots), references(4));
        drop(mapping);
    });
}

#[test]
fn revoking_grants_of_two_tables() {
    at_every_call(|| {
        let (machine, other) = (Machine::new(Pvh), Machine::new(Pvh));
        let (table, others) = (machine.table(), other.table());
        let [a, b] = machine.granted::<2>(&table);
        let [c] = other.granted::<1>(&others);
        let mut slots = [a, c, b];
        let (woken, other_woken) = (Woken::default(), Woken::default());
        let mut waiters = [table.waiter(ALL).unwrap(), others.waiter(ALL).unwrap()];
        assert!(!waiters[0].is_ready(&woken.waker()));
        assert!(!waiters[1].is_ready(&other_woken.waker()));
        during(|| revoke_all(&mut slots, drop));
        let [a, c, b] = slots;
        assert_eq!(machine.check_references(&table, &[a, b]), references(4));
        assert_eq!(other.check_references(&others, &[c]), references(4));
    });
}

#[test]
fn granting_many() {
    at_every_call(|| {
        let machine = Machine::new(Pvh);
        let table = machine.table();
        let mut slots = [const { None }; 40];
        during(|| {
            let mut pages = std::iter::from_fn(|| {
                foreign_code();
                machine.alice.page().map(Page)
            });
            table.grant_all(machine.peer(), &mut pages, ReadWrite, &mut slots).unwrap()
        });
        assert_eq!(machine.check_references(&table, &slots), references(4));
    });
}

#[test]
fn granting_one() {
    at_every_call(|| {
        let machine = Machine::new(Pvh);
        let table = machine.table();
        let mut cpu = table.per_cpu(0);
        let grants = during(|| {
            let page = machine.page();
            let first = cpu.grant(machine.peer(), page, ReadWrite).unwrap();
            let second = table.grant_zeroed(machine.peer(), &machine, ReadWrite).unwrap();
            [Some(first), Some(second)]
        });
        drop(cpu);
        let grants = grants.unwrap_or([const { None }; 2]);
        assert_eq!(machine.check_references(&table, &grants), references(4));
    });
}

/// Each way to free a reference wakes, and wakes last.
#[test]
fn freeing_references_that_are_waited_for() {
    let ways: [fn(&Machine, &super::support::Table); 6] = [
        |machine, table| drop(machine.granted::<1>(table)),
        |machine, table| {
            let [granted] = machine.granted::<1>(table);
            drop(granted.map(|granted| granted.revoke().unwrap()));
        },
        |machine, table| {
            let [granted] = machine.granted::<1>(table);
            drop(granted.map(|granted| table.per_cpu(0).revoke(granted).unwrap()));
        },
        |_, table| drop(table.alloc_run(70).unwrap()),
        |_, table| {
            let mut refs = [Default::default(); 70];
            drop(table.preallocate(&mut refs).unwrap());
        },
        |machine, table| drop(table.alloc().unwrap().accept(machine.peer())),
    ];
    for way in ways {
        at_every_call(|| {
            let machine = Machine::new(Pvh);
            let table = machine.table();
            let one = table.alloc().unwrap();
            let woken = [(); 3].map(|()| Woken::default());
            let mut waiters = [(); 3].map(|()| table.waiter(ALL).unwrap());
            for (waiter, woken) in waiters.iter_mut().zip(&woken) {
                assert!(!waiter.is_ready(&woken.waker()));
            }
            during(|| way(&machine, &table));
            if table.free_refs() == ALL - 1 {
                drop(one);
            } else {
                panic!("references are lost: {} are free", table.free_refs());
            }
            assert_eq!(woken.each_ref().map(Woken::count), [1; 3]);
            assert_eq!(machine.check_references(&table, &[]), references(4));
        });
    }
}

#[test]
fn growing_while_references_are_waited_for() {
    at_every_call(|| {
        let machine = Machine::new(Pvh);
        let table = machine.table();
        let held = table.alloc_run(ALL as u32).unwrap();
        let woken = Woken::default();
        let mut waiter = table.waiter(1).unwrap();
        assert!(!waiter.is_ready(&woken.waker()));
        during(|| table.grow(1));
        if table.frames() == 1 {
            table.grow(1).unwrap();
        }
        assert_eq!((table.frames(), table.free_refs(), woken.count()), (2, 512, 1));
        drop(held);
        assert_eq!(machine.check_references(&table, &[]), references(4));
    });
}

/// What peers let go of is reaped, wherever it panics.
#[test]
fn reaping() {
    at_every_call(|| {
        let machine = Machine::new(Pvh);
        let table = machine.table();
        let grants = machine.granted::<3>(&table);
        let map = |granted: &_| {
            let remote = machine.remote(granted);
            Mapping::new(machine.bob.clone(), remote, machine.bob.target(), ReadWrite).unwrap()
        };
        let mappings = grants.each_ref().map(|granted| map(granted.as_ref().unwrap()));
        drop(grants);
        assert_eq!(table.deferred().waiting, 3);
        let [first, second, last] = mappings;
        drop((first, second));
        let woken = Woken::default();
        let mut waiter = table.waiter(ALL).unwrap();
        assert!(!waiter.is_ready(&woken.waker()));
        during(|| table.reap(8));
        drop(last);
        while table.deferred().waiting > 0 {
            let _ = table.reap(8);
        }
        assert_eq!(woken.count(), 1);
        assert_eq!(machine.check_references(&table, &[]), references(4));
    });
}

/// Everything above with a backend of the caller's for the mapping too.
#[test]
fn granting_and_mapping_by_one_caller() {
    at_every_call(|| {
        let machine = Machine::new(Pvh);
        let table = machine.table();
        let backend: Backend = machine.backend();
        during(|| {
            let granted = table.grant(machine.peer(), machine.page(), ReadWrite).unwrap();
            let target: Target = machine.target();
            let mapping =
                Mapping::new(&backend, machine.remote(&granted), target, ReadWrite).unwrap();
            let busy = granted.revoke().unwrap_err();
            mapping.unmap().unwrap();
            drop(busy.retry().unwrap());
        });
        while table.deferred().waiting > 0 && machine.bob.live_mappings() == 0 {
            let _ = table.reap(8);
        }
        // What a panic leaves mapped for good keeps its reference.
        let lost = machine.bob.live_mappings();
        assert_eq!(machine.check_references(&table, &[]), references(4) - lost);
    });
}
