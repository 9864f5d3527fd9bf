//! The simulator's xenstored: domains are introduced, talk over their rings, and are gone.

mod devices;

use std::thread;
use std::time::Duration;

use xen_abi::hvm::params::{HVM_PARAM_STORE_EVTCHN, HVM_PARAM_STORE_PFN};
use xen_abi::sched::SHUTDOWN_poweroff;
use xen_abi::xen::{DOMID_FIRST_RESERVED, DOMID_SELF, domid_t, xen_pfn_t};
use xen_io::xenstore::wire::ErrorName;
use xen_io::xenstore::{Path, Store};
use xen_ops::events::{Binding, Port};
use xen_ops::hypercall::{hvm_op, sched_op};
use xen_sim::{Domain, DomainConfig, GuestKind, StoreError, Xen};

fn machine() -> (Xen, Domain) {
    let xen = Xen::builder().xenstore().build();
    let guest = xen.domain(DomainConfig::new(GuestKind::Pvh)).unwrap();
    (xen, guest)
}

fn number(domain: &Domain) -> String {
    domid_t::from(domain.domid()).0.to_string()
}

fn control(xen: &Xen) -> Domain {
    xen.domain(DomainConfig::new(GuestKind::Pv).domid(domid_t(0)).privileged()).unwrap()
}

#[test]
fn every_kind_of_guest_reads_writes_and_finds_its_directory() {
    let xen = Xen::builder().xenstore().build();
    for kind in [GuestKind::Pv, GuestKind::Pvh, GuestKind::Arm] {
        let guest = xen.domain(DomainConfig::new(kind)).unwrap();
        let mut store = guest.xenstore().unwrap();
        assert_eq!(store.read_string("domid").unwrap(), number(&guest));
        store.write("data/greeting", "hello").unwrap();
        let path = format!("/local/domain/{}/data/greeting", number(&guest));
        let read = xen.toolstack(|toolstack| toolstack.read_string(&path)).unwrap().unwrap();
        assert_eq!(read, "hello");
        let refused = store.write("name", "mine").unwrap_err();
        assert_eq!(refused.refused(), Some(ErrorName::EACCES));
    }
    xen.check_invariants().unwrap();
}

#[test]
fn a_machine_without_xenstore_has_no_page() {
    let xen = Xen::new();
    let guest = xen.domain(DomainConfig::new(GuestKind::Pvh)).unwrap();
    assert_eq!(guest.xenstore().err(), Some(StoreError::NoPage));
    assert!(xen.toolstack(|_| ()).is_none());
}

#[test]
fn a_guest_waits_for_what_another_writes() {
    let (xen, guest) = machine();
    let control = control(&xen);
    let mut store = guest.xenstore().unwrap();
    store.watch("data", "token").unwrap();
    assert_eq!(store.next_event().unwrap().path(), "data");
    thread::scope(|scope| {
        scope.spawn(|| {
            let path = format!("/local/domain/{}/data/work", number(&guest));
            control.xenstore().unwrap().write(path, "1").unwrap();
        });
        let event = store.wait_event(Some(Duration::from_secs(60))).unwrap();
        assert_eq!(event.map(|event| event.path().to_owned()).as_deref(), Some("data/work"));
    });
}

#[test]
fn many_threads_lose_no_request() {
    let xen = Xen::builder().xenstore().build();
    thread::scope(|scope| {
        for _ in 0..4 {
            let guest = xen.domain(DomainConfig::new(GuestKind::Pvh)).unwrap();
            scope.spawn(move || {
                let mut store = guest.xenstore().unwrap();
                for number in 0..50_u32 {
                    store.write("data/number", number.to_string()).unwrap();
                    assert_eq!(store.read_string("data/number").unwrap(), number.to_string());
                }
            });
        }
    });
}

#[test]
fn special_watches_see_domains_come_shut_down_and_go() {
    let xen = Xen::builder().xenstore().build();
    let control = control(&xen);
    let mut store = control.xenstore().unwrap();
    store.watch(Path::INTRODUCE_DOMAIN, "come").unwrap();
    store.watch(Path::RELEASE_DOMAIN, "go").unwrap();
    let mut events = || {
        let mut paths = Vec::new();
        while let Some(event) = store.wait_event(Some(Duration::ZERO)).unwrap() {
            paths.push(event.path().to_owned());
        }
        paths
    };
    assert_eq!(events(), ["@introduceDomain", "@releaseDomain"]);
    let guest = xen.domain(DomainConfig::new(GuestKind::Pvh)).unwrap();
    assert_eq!(events(), ["@introduceDomain"]);
    sched_op::remote_shutdown(&control, guest.domid().into(), SHUTDOWN_poweroff).unwrap();
    assert_eq!(events(), ["@releaseDomain"]);
    guest.destroy();
    assert_eq!(events(), ["@releaseDomain"]);
    // What the domain had is gone, and its number may be another's.
    let path = format!("/local/domain/{}/data", number(&guest));
    assert!(control.xenstore().unwrap().read(path).unwrap_err().is_not_found());
}

#[test]
fn a_toolstack_introduces_a_domain_again() {
    let (xen, guest) = machine();
    guest.xenstore().unwrap().write("data/old", "1").unwrap();
    let param = |index| hvm_op::get_param(&guest, DOMID_SELF, index).unwrap();
    let gfn = param(HVM_PARAM_STORE_PFN);
    assert_ne!(param(HVM_PARAM_STORE_EVTCHN), 0);
    let domid = domid_t::from(guest.domid());
    // Another port, as after the guest has booted anew.
    let xenstored = domid_t(DOMID_FIRST_RESERVED.0 - 1);
    let port = Port::alloc_unbound(&guest, xenstored).unwrap();
    let introduce = |gfn, port| {
        xen.toolstack(|store| store.introduce(domid, xen_pfn_t(gfn as _), port)).unwrap().unwrap();
    };
    introduce(gfn, port.number());
    assert!(port.status().is_ok());
    assert!(matches!(
        port.status().unwrap().binding,
        Binding::Interdomain { remote, .. } if remote == xenstored
    ));
    xen.toolstack(|store| store.release(domid)).unwrap().unwrap();
    assert!(matches!(port.status().unwrap().binding, Binding::Unbound { .. }));
}
