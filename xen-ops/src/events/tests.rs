//! Ports against a hypervisor with a table of them.

#![allow(unsafe_code, reason = "plays the hypervisor")]
#![allow(non_upper_case_globals, reason = "upstream's constants, as patterns")]

use core::cell::RefCell;
use core::ptr::{with_exposed_provenance, with_exposed_provenance_mut};
use std::collections::BTreeMap;

use xen_abi::errno::*;
use xen_abi::event_channel::*;
use xen_abi::xen::{__HYPERVISOR_event_channel_op, DOMID_SELF, domid_t};
use xen_abi::{Errno, Plain};

use super::{Binding, Port, PortStatus};
use crate::hypercall::{Cause, Hypercall};

const PEER: domid_t = domid_t(5);
/// A port of the peer's that waits for the caller.
const OFFERED: evtchn_port_t = evtchn_port_t(40);
const VCPUS: u32 = 2;
const PORTS: u32 = 6;

#[derive(Default)]
struct Xen {
    ports: RefCell<BTreeMap<u32, Binding>>,
    sent: RefCell<std::vec::Vec<u32>>,
}

fn peek<T: Plain>(address: usize) -> T {
    // SAFETY: the wrappers hand over an argument that is there.
    unsafe { with_exposed_provenance::<T>(address).read() }
}

fn poke<T: Plain>(address: usize, value: T) {
    // SAFETY: as in `peek`.
    unsafe { with_exposed_provenance_mut::<T>(address).write(value) }
}

// SAFETY: touches the argument only.
unsafe impl Hypercall for Xen {
    unsafe fn call(&self, number: u32, [operation, argument, ..]: [usize; 5]) -> isize {
        assert_eq!(number, __HYPERVISOR_event_channel_op);
        match self.operation(operation as u32, argument) {
            Ok(()) => 0,
            Err(errno) => -(errno.0 as isize),
        }
    }
}

impl Xen {
    fn operation(&self, operation: u32, argument: usize) -> Result<(), Errno> {
        match operation {
            EVTCHNOP_alloc_unbound => {
                let a: evtchn_alloc_unbound = peek(argument);
                assert_eq!(a.dom, DOMID_SELF);
                let port = self.open(Binding::Unbound { remote: a.remote_dom })?;
                poke(argument, evtchn_alloc_unbound { port, ..a });
            }
            EVTCHNOP_bind_interdomain => {
                let a: evtchn_bind_interdomain = peek(argument);
                if a.remote_dom != PEER {
                    return Err(XEN_ESRCH);
                }
                if a.remote_port != OFFERED {
                    return Err(XEN_EINVAL);
                }
                let binding = Binding::Interdomain { remote: PEER, port: OFFERED };
                let local_port = self.open(binding)?;
                poke(argument, evtchn_bind_interdomain { local_port, ..a });
            }
            EVTCHNOP_bind_virq => {
                let a: evtchn_bind_virq = peek(argument);
                let binding = Binding::Virq { virq: a.virq };
                if a.vcpu >= VCPUS {
                    return Err(XEN_ENOENT);
                }
                if self.ports.borrow().values().any(|port| *port == binding) {
                    return Err(XEN_EEXIST);
                }
                poke(argument, evtchn_bind_virq { port: self.open(binding)?, ..a });
            }
            EVTCHNOP_bind_ipi => {
                let a: evtchn_bind_ipi = peek(argument);
                if a.vcpu >= VCPUS {
                    return Err(XEN_ENOENT);
                }
                poke(argument, evtchn_bind_ipi { port: self.open(Binding::Ipi)?, ..a });
            }
            EVTCHNOP_send => {
                let a: evtchn_send = peek(argument);
                match self.ports.borrow().get(&a.port.0) {
                    None | Some(Binding::Virq { .. }) => return Err(XEN_EINVAL),
                    Some(Binding::Unbound { .. }) => {}
                    Some(_) => self.sent.borrow_mut().push(a.port.0),
                }
            }
            EVTCHNOP_status => {
                let mut a: evtchn_status = peek(argument);
                assert_eq!(a.dom, DOMID_SELF);
                a.vcpu = 1;
                match self.ports.borrow().get(&a.port.0) {
                    None => a.status = EVTCHNSTAT_closed,
                    Some(Binding::Unbound { remote }) => {
                        a.status = EVTCHNSTAT_unbound;
                        a.u.unbound_mut().dom = *remote;
                    }
                    Some(Binding::Interdomain { remote, port }) => {
                        a.status = EVTCHNSTAT_interdomain;
                        a.u.interdomain_mut().dom = *remote;
                        a.u.interdomain_mut().port = *port;
                    }
                    Some(Binding::Virq { virq }) => {
                        a.status = EVTCHNSTAT_virq;
                        *a.u.virq_mut() = *virq;
                    }
                    Some(Binding::Pirq { pirq }) => {
                        a.status = EVTCHNSTAT_pirq;
                        *a.u.pirq_mut() = *pirq;
                    }
                    Some(Binding::Ipi) => a.status = EVTCHNSTAT_ipi,
                    Some(_) => a.status = 99,
                }
                poke(argument, a);
            }
            EVTCHNOP_close => {
                let a: evtchn_close = peek(argument);
                self.ports.borrow_mut().remove(&a.port.0).ok_or(XEN_EINVAL)?;
            }
            _ => return Err(XEN_ENOSYS),
        }
        Ok(())
    }

    fn open(&self, binding: Binding) -> Result<evtchn_port_t, Errno> {
        let mut ports = self.ports.borrow_mut();
        let free = (1..PORTS).find(|port| !ports.contains_key(port)).ok_or(XEN_ENOSPC)?;
        ports.insert(free, binding);
        Ok(evtchn_port_t(free))
    }

    fn count(&self) -> usize {
        self.ports.borrow().len()
    }
}

#[test]
fn each_kind_of_port_is_what_its_status_says() {
    let xen = Xen::default();
    let status = |port: &Port<&Xen>| port.status().unwrap();
    let is = |binding| PortStatus { binding, vcpu: 1 };
    let unbound = Port::alloc_unbound(&xen, PEER).unwrap();
    assert_eq!(status(&unbound), is(Binding::Unbound { remote: PEER }));
    let bound = Port::bind_interdomain(&xen, PEER, OFFERED).unwrap();
    assert_eq!(status(&bound), is(Binding::Interdomain { remote: PEER, port: OFFERED }));
    let virq = Port::bind_virq(&xen, 3, 0).unwrap();
    assert_eq!(status(&virq), is(Binding::Virq { virq: 3 }));
    let ipi = Port::bind_ipi(&xen, 1).unwrap();
    assert_eq!(status(&ipi), is(Binding::Ipi));
    let numbers = [&unbound, &bound, &virq, &ipi].map(|port| port.number().0);
    assert_eq!(numbers, [1, 2, 3, 4]);
    xen.ports.borrow_mut().insert(4, Binding::Pirq { pirq: 9 });
    assert_eq!(status(&ipi), is(Binding::Pirq { pirq: 9 }));
    xen.ports.borrow_mut().insert(4, Binding::Unknown { status: 7 });
    assert_eq!(status(&ipi), is(Binding::Unknown { status: 99 }));
    xen.ports.borrow_mut().remove(&4);
    assert_eq!(status(&ipi), is(Binding::Closed));
}

#[test]
fn a_port_that_is_dropped_is_closed() {
    let xen = Xen::default();
    let port = Port::alloc_unbound(&xen, PEER).unwrap();
    assert_eq!(xen.count(), 1);
    drop(port);
    assert_eq!(xen.count(), 0);
}

#[test]
fn a_port_that_is_gone_cannot_be_closed() {
    let xen = Xen::default();
    let port = Port::alloc_unbound(&xen, PEER).unwrap();
    xen.ports.borrow_mut().clear();
    assert_eq!(port.close().unwrap_err().errno(), Some(XEN_EINVAL));
}

/// By the second time, the number may be another port's.
#[test]
fn a_port_is_closed_once() {
    let xen = Counting(RefCell::new(0));
    Port::alloc_unbound(&xen, PEER).unwrap().close().unwrap();
    assert_eq!(*xen.0.borrow(), 2, "one call to open, one to close");
}

struct Counting(RefCell<usize>);

// SAFETY: touches nothing.
unsafe impl Hypercall for Counting {
    unsafe fn call(&self, _: u32, _: [usize; 5]) -> isize {
        *self.0.borrow_mut() += 1;
        0
    }
}

#[test]
fn events_go_to_the_other_side() {
    let xen = Xen::default();
    let unbound = Port::alloc_unbound(&xen, PEER).unwrap();
    unbound.notify().unwrap();
    assert!(xen.sent.borrow().is_empty(), "there is no receiver");
    let bound = Port::bind_interdomain(&xen, PEER, OFFERED).unwrap();
    bound.notify().unwrap();
    assert_eq!(*xen.sent.borrow(), [bound.number().0]);
    let virq = Port::bind_virq(&xen, 0, 0).unwrap();
    assert_eq!(virq.notify().unwrap_err().errno(), Some(XEN_EINVAL));
}

#[test]
fn ports_fail_as_xen_does() {
    let xen = Xen::default();
    let errno = |port: Result<Port<_>, crate::hypercall::Error>| port.unwrap_err().errno();
    assert_eq!(errno(Port::bind_interdomain(&xen, domid_t(6), OFFERED)), Some(XEN_ESRCH));
    assert_eq!(errno(Port::bind_interdomain(&xen, PEER, evtchn_port_t(1))), Some(XEN_EINVAL));
    assert_eq!(errno(Port::bind_ipi(&xen, VCPUS)), Some(XEN_ENOENT));
    assert_eq!(errno(Port::bind_virq(&xen, 0, VCPUS)), Some(XEN_ENOENT));
    let _virq = Port::bind_virq(&xen, 0, 0).unwrap();
    assert_eq!(errno(Port::bind_virq(&xen, 0, 1)), Some(XEN_EEXIST));
    let ports = [(); 4].map(|()| Port::alloc_unbound(&xen, PEER).unwrap());
    assert_eq!(errno(Port::alloc_unbound(&xen, PEER)), Some(XEN_ENOSPC));
    drop(ports);
    assert_eq!(xen.count(), 1);
}

#[test]
fn xsa_316_a_positive_result_makes_no_port() {
    struct Garbage;

    // SAFETY: touches nothing.
    unsafe impl Hypercall for Garbage {
        unsafe fn call(&self, _: u32, _: [usize; 5]) -> isize {
            7
        }
    }

    let error = Port::alloc_unbound(Garbage, PEER).unwrap_err();
    assert_eq!(error.cause(), Cause::Unexpected(7));
    let error = Port::bind_ipi(Garbage, 0).unwrap_err();
    assert_eq!(error.cause(), Cause::Unexpected(7));
}
