//! Many mappings with one hypercall.

use xen_ops::gnttab::map::{Slot, elements, leaked, map_all, map_each, unmap_each, unmap_elements};
use xen_ops::{ReadWrite, RemoteGrant};
use xen_sim::GuestKind::Pvh;

use super::support::{Backend, Machine, Target, at_every_call, during};

type Batch<'x> = [Slot<&'x Backend, Target, ReadWrite>; 4];

fn requests<'x>(machine: &Machine, grants: [RemoteGrant; 4]) -> Batch<'x> {
    grants.map(|grant| Slot::new(grant, machine.target(), ReadWrite))
}

/// What the slots say is what Xen says: all that is mapped has a mapping, or is leaked and counted.
fn check(machine: &Machine, slots: &Batch<'_>, before: usize) {
    let mapped = slots.iter().filter(|slot| slot.mapping().is_some()).count();
    let lost = machine.bob.live_mappings().checked_sub(mapped);
    assert!(lost.is_some_and(|lost| lost <= leaked() - before), "{lost:?} lost: {slots:?}");
    for slot in slots {
        if let Slot::Mapped(mapping) | Slot::Stuck { mapping, .. } = slot {
            assert_eq!(mapping.view().read_obj::<u8>(0), Ok(7), "the peer's page is there");
        }
    }
    machine.check();
}

fn with_grants(test: impl Fn(&Machine, [RemoteGrant; 4])) {
    at_every_call(|| {
        let machine = Machine::new(Pvh);
        let table = machine.table();
        let granted = machine.granted::<4>(&table);
        let grants = granted.each_ref().map(|granted| {
            let granted = granted.as_ref().unwrap();
            granted.view().write(0, &[7]).unwrap();
            machine.remote(granted)
        });
        test(&machine, grants);
    });
}

#[test]
fn mapping_each() {
    with_grants(|machine, grants| {
        let (backend, before) = (machine.backend(), leaked());
        let mut slots = requests(machine, grants);
        let done = during(|| map_each(&backend, &mut slots, &mut elements::<4>()).unwrap());
        assert!(done.is_none_or(|mapped| mapped == 4));
        check(machine, &slots, before);
    });
}

#[test]
fn mapping_all_where_one_fails() {
    with_grants(|machine, mut grants| {
        grants[2].reference.0 = 9999;
        let (backend, before) = (machine.backend(), leaked());
        let mut slots = requests(machine, grants);
        during(|| map_all(&backend, &mut slots, &mut elements::<4>()).unwrap_err());
        check(machine, &slots, before);
    });
}

#[test]
fn unmapping_each() {
    with_grants(|machine, grants| {
        let (backend, before) = (machine.backend(), leaked());
        let mut slots = requests(machine, grants);
        map_all(&backend, &mut slots, &mut elements::<4>()).unwrap();
        during(|| unmap_each(&mut slots, &mut unmap_elements::<4>()).unwrap());
        check(machine, &slots, before);
    });
}

#[test]
fn dropping_the_slots() {
    with_grants(|machine, grants| {
        let (backend, before) = (machine.backend(), leaked());
        let mut slots = requests(machine, grants);
        map_all(&backend, &mut slots, &mut elements::<4>()).unwrap();
        during(|| drop(slots));
        assert!(machine.bob.live_mappings() <= leaked() - before);
        machine.check();
    });
}
