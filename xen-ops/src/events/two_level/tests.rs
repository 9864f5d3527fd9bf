#![allow(unsafe_code, reason = "pages and scripts of the test's")]

use core::ptr::NonNull;
use core::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::vec::Vec;

use super::*;
use crate::backend::Script;
use crate::field;
use crate::page::PAGE_SIZE;

#[repr(C, align(4096))]
struct Frame([u8; PAGE_SIZE]);

const VCPU: Field<vcpu_info> = match field!(shared_info, vcpu_info).element(0) {
    Some(vcpu) => vcpu,
    None => unreachable!(),
};

/// The information of the second vCPU, where the page has one: on Arm it registers a page of its own.
fn second_vcpu() -> Field<vcpu_info> {
    field!(shared_info, vcpu_info).element(1).unwrap_or_else(|| Field::at_offset(0).unwrap())
}

fn view(frame: &mut Frame) -> View<'_, ReadWrite> {
    // SAFETY: the frame is borrowed for as long as the view.
    unsafe { View::new(NonNull::from(&mut frame.0).cast()) }
}

/// What Xen does when an event is sent.
fn send(events: &TwoLevel<'_>, port: u32) {
    let (pending, bit) = split(events.pending(), evtchn_port_t(port)).unwrap();
    if pending.fetch_or(bit, SeqCst) & bit != 0 {
        return;
    }
    let (mask, _) = split(events.masks(), evtchn_port_t(port)).unwrap();
    if mask.load(SeqCst) & bit == 0 {
        let word = port as usize / WORD_BITS;
        events.selector.element(word / 32).unwrap().fetch_or(1 << (word % 32), SeqCst);
        events.vcpu.announce();
    }
}

fn received(events: &TwoLevel<'_>) -> Vec<u32> {
    let mut ports = Vec::new();
    let count = events.receive(|port| ports.push(port.0));
    assert_eq!(count, ports.len());
    ports
}

#[test]
fn every_port_is_received_once() {
    let mut frame = Frame([0; PAGE_SIZE]);
    let page = view(&mut frame);
    let events = TwoLevel::new(page, page, VCPU);
    let half = TWO_LEVEL_PORTS / 2;
    let ports = [1, 31, 32, 63, 64, half - 1, half, TWO_LEVEL_PORTS - 1];
    for port in ports {
        send(&events, port);
        send(&events, port);
    }
    assert!(events.upcall_pending());
    assert_eq!(received(&events), ports);
    assert!(!events.upcall_pending());
    assert!(received(&events).is_empty());
}

#[test]
fn an_event_of_a_masked_port_waits_for_the_unmask() {
    let mut frame = Frame([0; PAGE_SIZE]);
    let page = view(&mut frame);
    let events = TwoLevel::new(page, page, VCPU);
    let port = evtchn_port_t(70);
    assert_eq!(events.mask(port), Ok(false));
    send(&events, 70);
    send(&events, 71);
    assert_eq!(received(&events), [71], "its word was looked at, and it is masked");
    // SAFETY: nothing here relies on what a hypercall has done.
    let refuses = unsafe { Script::new(&[-22]) };
    assert!(matches!(events.unmask(&refuses, port), Err(UnmaskError::Hypercall(_))));
    assert_eq!(events.mask(port), Ok(true), "it is masked after the error");
    assert_eq!(events.take(port), Ok(true));
    // Without an event Xen is not called: the script would have no answer.
    // SAFETY: nothing here relies on what a hypercall has done.
    let none = unsafe { Script::new(&[]) };
    assert_eq!(events.unmask(&none, port), Ok(()));
    assert_eq!(events.mask(port), Ok(false));
}

/// An event between clearing the pending bit and the handler's end is received by the next walk.
#[test]
fn an_event_during_the_handler_is_received_by_the_next_walk() {
    let mut frame = Frame([0; PAGE_SIZE]);
    let page = view(&mut frame);
    let events = TwoLevel::new(page, page, VCPU);
    send(&events, 5);
    let count = events.receive(|port| send(&events, port.0));
    assert_eq!(count, 1, "the walk ends though the port never rests");
    assert!(events.upcall_pending());
    assert_eq!(received(&events), [5]);
}

#[test]
fn a_selector_that_lies_is_harmless() {
    let mut frame = Frame([0; PAGE_SIZE]);
    let page = view(&mut frame);
    let events = TwoLevel::new(page, page, VCPU);
    for half in 0..PER_WORD {
        events.selector.element(half).unwrap().store(u32::MAX, Relaxed);
    }
    assert!(received(&events).is_empty());
}

/// What Xen does when a vCPU registers its information: all words are selected.
fn select_all(events: &TwoLevel<'_>) {
    for half in 0..PER_WORD {
        events.selector.element(half).unwrap().store(u32::MAX, SeqCst);
    }
    events.vcpu.announce();
}

#[test]
fn a_vcpu_leaves_the_events_of_others() {
    let (mut frame, mut second) = (Frame([0; PAGE_SIZE]), Frame([0; PAGE_SIZE]));
    let (page, second) = (view(&mut frame), view(&mut second));
    let ports = PortVcpus::new();
    let events = [
        TwoLevel::new(page, page, VCPU).for_vcpu(0, &ports),
        TwoLevel::new(page, second, second_vcpu()).for_vcpu(1, &ports),
    ];
    // SAFETY: nothing here relies on what a hypercall has done.
    let none = unsafe { Script::new(&[]) };
    for port in [6, 70, TWO_LEVEL_PORTS - 1] {
        ports.assign(&none, &events[0], evtchn_port_t(port), 1).unwrap();
    }
    assert_eq!(ports.vcpu_of(evtchn_port_t(6)), Ok(1));
    assert_eq!(ports.vcpu_of(evtchn_port_t(5)), Ok(0), "it was assigned to none");
    // Neighbours in one word, of which Xen selects one for each vCPU.
    send(&events[0], 5);
    send(&events[1], 6);
    send(&events[1], 70);
    select_all(&events[1]);
    assert_eq!(received(&events[1]), [6, 70]);
    send(&events[1], 6);
    select_all(&events[0]);
    assert_eq!(received(&events[0]), [5]);
    assert_eq!(received(&events[1]), [6], "the other vCPU has left it, and its announcement");
}

/// Without a table a vCPU receives what is announced to others: that is the ABI.
#[test]
fn a_vcpu_without_a_table_receives_every_port() {
    let (mut frame, mut second) = (Frame([0; PAGE_SIZE]), Frame([0; PAGE_SIZE]));
    let (page, second) = (view(&mut frame), view(&mut second));
    let events = [TwoLevel::new(page, page, VCPU), TwoLevel::new(page, second, second_vcpu())];
    send(&events[0], 5);
    select_all(&events[1]);
    assert_eq!(received(&events[1]), [5]);
}

#[test]
fn an_event_that_came_before_its_port_was_assigned_is_announced_again() {
    let mut frame = Frame([0; PAGE_SIZE]);
    let page = view(&mut frame);
    let ports = PortVcpus::new();
    // Both in the same place: what is looked at here is whose the port is.
    let [first, second] = [0, 1].map(|vcpu| TwoLevel::new(page, page, VCPU).for_vcpu(vcpu, &ports));
    let port = evtchn_port_t(6);
    send(&second, port.0);
    assert!(received(&second).is_empty(), "it is not assigned yet");
    // SAFETY: nothing here relies on what a hypercall has done.
    let refuses = unsafe { Script::new(&[-22]) };
    let result = ports.assign(&refuses, &first, port, 1);
    assert!(matches!(result, Err(UnmaskError::Hypercall(_))), "Xen is asked to announce it");
    assert_eq!(ports.vcpu_of(port), Ok(1));
    assert_eq!(second.mask(port), Ok(true), "it is masked after the error");
    // A port that was masked stays so, and Xen is not called.
    // SAFETY: as above.
    let none = unsafe { Script::new(&[]) };
    assert_eq!(ports.assign(&none, &first, port, 1), Ok(()));
    assert_eq!(second.mask(port), Ok(true));
    // What EVTCHNOP_unmask does.
    let (mask, bit) = split(second.masks(), port).unwrap();
    mask.fetch_and(!bit, SeqCst);
    select_all(&second);
    assert!(received(&first).is_empty());
    select_all(&second);
    assert_eq!(received(&second), [6]);
}

#[test]
fn a_port_beyond_the_abi_is_an_error() {
    let mut frame = Frame([0; PAGE_SIZE]);
    let page = view(&mut frame);
    let events = TwoLevel::new(page, page, VCPU);
    let port = evtchn_port_t(TWO_LEVEL_PORTS);
    let error = NoSuchPort { port, ports: TWO_LEVEL_PORTS };
    assert_eq!(events.take(port), Err(error));
    let ports = PortVcpus::new();
    assert_eq!(ports.vcpu_of(port), Err(error));
    // SAFETY: nothing here relies on what a hypercall has done.
    let none = unsafe { Script::new(&[]) };
    let result = ports.assign(&none, &events, port, 1);
    assert_eq!(result, Err(UnmaskError::NoSuchPort(error)));
    let port = evtchn_port_t(u32::MAX);
    assert_eq!(events.mask(port), Err(NoSuchPort { port, ports: TWO_LEVEL_PORTS }));
}

/// Threads send while one receives: nothing is lost.
#[test]
fn no_event_of_many_is_lost() {
    let mut frame = Frame([0; PAGE_SIZE]);
    let page = view(&mut frame);
    let events = TwoLevel::new(page, page, VCPU);
    const LAST: u32 = 200;
    std::thread::scope(|scope| {
        for start in [1, 2] {
            scope.spawn(move || (start..=LAST).step_by(2).for_each(|port| send(&events, port)));
        }
        let mut ports = Vec::new();
        while ports.len() < LAST as usize {
            ports.extend(received(&events));
            std::thread::yield_now();
        }
        ports.sort_unstable();
        assert!(ports.into_iter().eq(1..=LAST));
    });
}
