//! One mapping at a time.

use std::ops::ControlFlow;

use xen_ops::gnttab::map::leaked;
use xen_ops::gnttab::retry::Retry;
use xen_ops::{Mapping, ReadWrite};
use xen_sim::GuestKind::Pvh;

use super::support::{Machine, at_every_call, during, foreign_code};

/// Always tries again, as foreign code.
struct Again;

impl Retry for Again {
    fn wait(&mut self, _: u32) -> ControlFlow<()> {
        foreign_code();
        ControlFlow::Continue(())
    }
}

/// Whatever panics, the target is returned with nothing mapped there, or leaked and counted.
#[test]
fn mapping_and_dropping() {
    at_every_call(|| {
        let machine = Machine::new(Pvh);
        let table = machine.table();
        let [granted] = machine.granted::<1>(&table);
        let remote = machine.remote(granted.as_ref().unwrap());
        machine.bob.faults().eagain(1);
        let before = leaked();
        during(|| {
            let (backend, target) = (machine.backend(), machine.target());
            drop(Mapping::with_retry(backend, remote, target, ReadWrite, &mut Again).unwrap());
        });
        assert!(machine.bob.live_mappings() <= leaked() - before, "what is left there is counted");
        machine.check();
    });
}

#[test]
fn mapping_and_unmapping() {
    at_every_call(|| {
        let machine = Machine::new(Pvh);
        let table = machine.table();
        let [granted] = machine.granted::<1>(&table);
        let remote = machine.remote(granted.as_ref().unwrap());
        let before = leaked();
        during(|| {
            let mapping =
                Mapping::new(machine.backend(), remote, machine.target(), ReadWrite).unwrap();
            mapping.view().write(0, b"seen").unwrap();
            mapping.unmap().unwrap()
        });
        assert!(machine.bob.live_mappings() <= leaked() - before, "what is left there is counted");
        machine.check();
    });
}

/// An unmap that unwound is not tried again: by then the handle may be that of another mapping.
#[test]
fn an_unmap_that_unwinds_is_made_once() {
    let machine = Machine::new(Pvh);
    let table = machine.table();
    let [granted] = machine.granted::<1>(&table);
    let remote = machine.remote(granted.as_ref().unwrap());
    let calls = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = calls.clone();
    let mapping = Mapping::new(&machine.bob, remote, machine.bob.target(), ReadWrite).unwrap();
    machine.xen.on_hypercall(move |_| {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        std::panic::resume_unwind(Box::new("the hook panics"));
    });
    let unmap = std::panic::AssertUnwindSafe(|| mapping.unmap());
    assert!(std::panic::catch_unwind(unmap).is_err());
    assert_eq!(calls.load(std::sync::atomic::Ordering::Relaxed), 1);
    machine.check();
}

/// An unmap that fails and a backend whose drop panics: the target is leaked all the same.
#[test]
fn failing_to_unmap() {
    at_every_call(|| {
        let machine = Machine::new(Pvh);
        let table = machine.table();
        let [granted] = machine.granted::<1>(&table);
        let remote = machine.remote(granted.as_ref().unwrap());
        let mapping = Mapping::new(machine.backend(), remote, machine.target(), ReadWrite).unwrap();
        machine.bob.faults().status(0, xen_ops::xen_abi::grant_table::GNTST_general_error);
        during(|| mapping.unmap().unwrap_err());
        machine.check();
    });
}
