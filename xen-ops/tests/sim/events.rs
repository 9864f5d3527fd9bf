//! Event-channel ports.

use std::time::Duration;

use xen_abi::errno::*;
use xen_abi::event_channel::{
    EVTCHNOP_alloc_unbound, EVTCHNOP_status, EVTCHNSTAT_pirq, evtchn_alloc_unbound, evtchn_port_t,
    evtchn_status,
};
use xen_abi::xen::{DOMID_SELF, VIRQ_DEBUG, VIRQ_TIMER, domid_t, shared_info};
use xen_ops::events::{Binding, EventArray, FifoVcpu, Port, PortStatus, Vcpu};
use xen_ops::field;
use xen_ops::hypercall::{Cause, Error, Hypercall, event_channel_op};
use xen_ops::page::Page as _;
use xen_sim::{Domain, DomainConfig, GuestKind, Xen};

use crate::lies::Outcome::Instead;
use crate::lies::{Lies, Says, peek, poke};

const PEER: domid_t = domid_t(5);

/// A guest, and the peer.
fn pair() -> (Lies<Domain>, Domain) {
    let xen = Xen::new();
    let domain = |domid| xen.domain(DomainConfig::new(GuestKind::Pvh).domid(domid)).unwrap();
    (Lies::new(domain(domid_t(1))), domain(PEER))
}

/// A port of the peer's that waits for the guest.
fn offer(peer: &Domain) -> Port<&Domain> {
    Port::alloc_unbound(peer, domid_t(1)).unwrap()
}

fn binding<H: Hypercall>(port: &Port<H>) -> Binding {
    port.status().unwrap().binding
}

/// A hypervisor that opens port 4, and answers that it has this status.
fn says(status: u32, pirq: u32) -> impl Hypercall {
    Says(move |operation, argument| {
        if operation == EVTCHNOP_status {
            let mut answer: evtchn_status = peek(argument);
            (answer.status, answer.vcpu) = (status, 1);
            *answer.u.pirq_mut() = pirq;
            poke(argument, answer);
        } else if operation == EVTCHNOP_alloc_unbound {
            let port = evtchn_port_t(4);
            poke(argument, evtchn_alloc_unbound { port, ..peek(argument) });
        }
        0
    })
}

#[test]
fn each_kind_of_port_is_what_its_status_says() {
    let (xen, peer) = pair();
    let unbound = Port::alloc_unbound(&xen, PEER).unwrap();
    let status = PortStatus { binding: Binding::Unbound { remote: PEER }, vcpu: 0 };
    assert_eq!(unbound.status(), Ok(status));
    let offered = offer(&peer);
    let bound = Port::bind_interdomain(&xen, PEER, offered.number()).unwrap();
    let other = Binding::Interdomain { remote: PEER, port: offered.number() };
    assert_eq!(binding(&bound), other);
    let this = Binding::Interdomain { remote: domid_t(1), port: bound.number() };
    assert_eq!(binding(&offered), this);
    let virq = Port::bind_virq(&xen, VIRQ_DEBUG, 0).unwrap();
    assert_eq!(binding(&virq), Binding::Virq { virq: VIRQ_DEBUG });
    let ipi = Port::bind_ipi(&xen, 0).unwrap();
    assert_eq!(binding(&ipi), Binding::Ipi);
    let numbers = [&unbound, &bound, &virq, &ipi].map(|port| port.number().0);
    assert_eq!(numbers, [1, 2, 3, 4]);
    event_channel_op::reset(&xen, DOMID_SELF).unwrap();
    assert_eq!(binding(&ipi), Binding::Closed);
}

#[test]
fn a_status_that_the_simulator_does_not_have_is_read_too() {
    for (status, expected) in
        [(EVTCHNSTAT_pirq, Binding::Pirq { pirq: 9 }), (99, Binding::Unknown { status: 99 })]
    {
        let port = Port::alloc_unbound(says(status, 9), PEER).unwrap();
        assert_eq!(port.status(), Ok(PortStatus { binding: expected, vcpu: 1 }));
    }
}

#[test]
fn a_port_that_is_dropped_is_closed() {
    let (xen, _peer) = pair();
    let number = Port::alloc_unbound(&xen, PEER).unwrap().number();
    let next = Port::alloc_unbound(&xen, PEER).unwrap();
    assert_eq!(next.number(), number, "the first that is closed");
}

#[test]
fn a_port_that_is_gone_cannot_be_closed() {
    let (xen, _peer) = pair();
    let port = Port::alloc_unbound(&xen, PEER).unwrap();
    event_channel_op::reset(&xen, DOMID_SELF).unwrap();
    assert_eq!(port.close().unwrap_err().errno(), Some(XEN_EINVAL));
}

/// By the second time, the number may be another port's.
#[test]
fn a_port_is_closed_once() {
    let (xen, _peer) = pair();
    Port::alloc_unbound(&xen, PEER).unwrap().close().unwrap();
    assert_eq!(xen.calls(), 2, "one call to open, one to close");
}

#[test]
fn events_go_to_the_other_side() {
    let (xen, peer) = pair();
    let unbound = Port::alloc_unbound(&xen, PEER).unwrap();
    unbound.notify().unwrap();
    let offered = offer(&peer);
    let received = || peer.wait(offered.number(), Duration::ZERO);
    let bound = Port::bind_interdomain(&xen, PEER, offered.number()).unwrap();
    assert!(!received(), "no event was sent to this port");
    bound.notify().unwrap();
    assert!(received());
    let virq = Port::bind_virq(&xen, VIRQ_TIMER, 0).unwrap();
    assert_eq!(virq.notify().unwrap_err().errno(), Some(XEN_EINVAL));
}

#[test]
fn ports_fail_as_xen_does() {
    let (xen, peer) = pair();
    let errno = |port: Result<Port<_>, Error>| port.unwrap_err().errno();
    let offered = offer(&peer).number();
    assert_eq!(errno(Port::bind_interdomain(&xen, domid_t(6), offered)), Some(XEN_ESRCH));
    assert_eq!(errno(Port::bind_interdomain(&xen, PEER, offered)), Some(XEN_EINVAL), "closed");
    assert_eq!(errno(Port::bind_ipi(&xen, 1)), Some(XEN_ENOENT));
    assert_eq!(errno(Port::bind_virq(&xen, VIRQ_TIMER, 1)), Some(XEN_ENOENT));
    let _virq = Port::bind_virq(&xen, VIRQ_TIMER, 0).unwrap();
    assert_eq!(errno(Port::bind_virq(&xen, VIRQ_TIMER, 0)), Some(XEN_EEXIST));
    // All of the 4095 ports are open.
    xen.outcome([Instead(-28)]);
    assert_eq!(errno(Port::alloc_unbound(&xen, PEER)), Some(XEN_ENOSPC));
}

#[test]
fn xsa_316_a_positive_result_makes_no_port() {
    let error = Port::alloc_unbound(Says(|_, _| 7), PEER).unwrap_err();
    assert_eq!(error.cause(), Cause::Unexpected(7));
    let error = Port::bind_ipi(Says(|_, _| 7), 0).unwrap_err();
    assert_eq!(error.cause(), Cause::Unexpected(7));
}

/// The queues of a domain that the peer sends events to.
#[test]
fn event_queues_receive_by_priority_and_keep_masked_events() {
    let machine = Xen::new();
    let domain = |domid| machine.domain(DomainConfig::new(GuestKind::Pvh).domid(domid)).unwrap();
    let (guest, peer) = (&domain(domid_t(1)), domain(PEER));
    let ports: Vec<_> = (0..3).map(|_| offer_to(&peer, guest)).collect();
    let numbers: Vec<_> = ports.iter().map(|(own, _)| own.number()).collect();

    let info = guest.page().unwrap();
    let vcpu = Vcpu::new(info.view(), field!(shared_info, vcpu_info[0]));
    let failed = FifoVcpu::start(guest, 0, vcpu, guest.page().unwrap(), 4).unwrap_err();
    assert_eq!(failed.error.errno(), Some(XEN_EINVAL), "the offset is no multiple of 8");
    let mut queues = FifoVcpu::start(guest, 0, vcpu, failed.returned.unwrap(), 128).unwrap();
    // Before there is a page of words: the event waits.
    ports[0].1.notify().unwrap();
    let array = EventArray::<2>::new();
    array.expand(guest, guest.page().unwrap()).unwrap();

    let mut receive = || {
        let mut received = Vec::new();
        let walk = queues.receive(&array, |port| received.push(port));
        assert_eq!((walk.events, walk.more, walk.lost), (received.len(), false, None));
        received
    };
    assert_eq!(receive(), [], "ports are masked until a handler exists");
    for (priority, number) in [7, 7, 0].into_iter().zip(&numbers) {
        event_channel_op::set_priority(guest, *number, priority).unwrap();
        array.unmask(guest, *number).unwrap();
    }
    ports[1].1.notify().unwrap();
    ports[2].1.notify().unwrap();
    ports[2].1.notify().unwrap();
    // Port 0 was pending already; binding made the others pending, too.
    assert_eq!(receive(), [numbers[2], numbers[0], numbers[1]]);
    assert_eq!(receive(), []);

    assert_eq!(array.mask(numbers[1]), Ok(false));
    ports[1].1.notify().unwrap();
    assert_eq!(receive(), []);
    array.unmask(guest, numbers[1]).unwrap();
    assert_eq!(receive(), [numbers[1]]);

    // A port that is closed while it is pending is in no one's way.
    ports[0].1.notify().unwrap();
    let (closed, _) = ports.into_iter().next().unwrap();
    closed.close().unwrap();
    let _ = receive();
    assert_eq!(receive(), []);
}

/// A port of the guest's, and the peer's to which it is connected.
fn offer_to<'a>(peer: &'a Domain, guest: &'a Domain) -> (Port<&'a Domain>, Port<&'a Domain>) {
    let own = Port::alloc_unbound(guest, PEER).unwrap();
    let theirs = Port::bind_interdomain(peer, guest.domid(), own.number()).unwrap();
    (own, theirs)
}
