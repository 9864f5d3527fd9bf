//! Linux's network back end: echo requests are answered, and bytes go back over TCP.

use alloc::vec;
use alloc::vec::Vec;

use xen_guest::println;
use xen_guest::time::Clock;
use xen_io::EventChannel as _;
use xen_io::net::setup::{self, Offloads, Queue};
use xen_io::net::{Fragment, PacketInfo, RxFront, SentStatus, TxFront};
use xen_io::xen_abi::io::xenbus::{XenbusStateConnected, XenbusStateInitWait};
use xen_io::xen_ops::DomainId;
use xen_io::xen_ops::events::Port;
use xen_io::xenbus::End;

use crate::machine::{Machine, close};
use crate::stack::{Packets, Stack};
use crate::table::{self, Page, Table};

/// Packets on their way to the back end.
const SENDING: usize = 8;
/// Buffers for packets to this end: few, since they lie on this kernel's small stack.
const BUFFERS: usize = 24;

pub(crate) fn run(machine: &Machine, table: &Table) {
    let mut store = machine.store();
    let end = End::frontend(&mut store, "vif", 0).expect("a network device");
    let back = DomainId::new(end.other_domain()).expect("a domain");
    end.watch(&mut store, "vif").expect("watches");
    end.wait_for(&mut store, XenbusStateInitWait, None).expect("a back end");
    let offloads = Offloads::of_other(&end, &mut store).expect("what the back end takes");
    println!("network takes fragments {}", offloads.scatter_gather);

    let grant = || table::grant(table, machine, back);
    let (tx_ring, rx_ring) = (grant(), grant());
    let port = Port::alloc_unbound(machine.xen(), back).expect("a port");
    let events = machine.channel(port.number());
    let queue = Queue {
        tx_ring: tx_ring.reference(),
        rx_ring: rx_ring.reference(),
        tx_port: port.number(),
        rx_port: port.number(),
    };
    let mut tx = TxFront::<_, Page<'_>, SENDING>::new(tx_ring)
        .map_err(|failed| failed.error)
        .expect("a ring");
    let mut rx = RxFront::<_, Page<'_>, BUFFERS>::new(rx_ring)
        .map_err(|failed| failed.error)
        .expect("a ring");
    for _ in 0..BUFFERS {
        let page = grant();
        rx.post(page.reference(), page).map_err(|failed| failed.error).expect("a free entry");
    }
    let _ = rx.push();
    setup::publish_frontend(&end, &mut store, Offloads::NONE, &[queue]).expect("the queue");
    end.set_state(&mut store, XenbusStateConnected).expect("the state");
    end.wait_for(&mut store, XenbusStateConnected, None).expect("a connection");

    let clock = Clock::new(machine.shared_info()).expect("a clock");
    let mut packets = Packets::default();
    let mut stack = Stack::new(&mut packets, clock.now());
    let mut spare: Vec<Page<'_>> = (0..SENDING).map(|_| grant()).collect();
    let (mut echoed, mut okay) = (0, true);
    while !stack.is_closed() || spare.len() < SENDING || !packets.sent.is_empty() {
        while let Some(packet) = rx.take().expect("packets") {
            let mut bytes = Vec::new();
            for buffer in packet.into_buffers() {
                let mut part = vec![0; buffer.data.len()];
                buffer.kept.view().read(buffer.data.start, &mut part).expect("inside a page");
                bytes.extend(part);
                let grant = buffer.kept.reference();
                rx.post(grant, buffer.kept).map_err(|failed| failed.error).expect("a free entry");
            }
            packets.arrived.push_back(bytes);
        }
        echoed += stack.poll(&mut packets, clock.now());
        while let Some(sent) = tx.complete().expect("responses") {
            okay &= sent.status == SentStatus::Okay;
            spare.push(sent.kept);
        }
        while !packets.sent.is_empty() && !spare.is_empty() {
            let Some((packet, page)) = packets.sent.pop_front().zip(spare.pop()) else { break };
            page.view().write(0, &packet).expect("inside a page");
            let fragment = Fragment::new(page.reference(), 0, packet.len()).expect("a page");
            tx.send(&[fragment], &PacketInfo::default(), page)
                .map_err(|failed| failed.error)
                .expect("a free entry");
        }
        if tx.push() | rx.push() {
            events.notify().expect("an event");
        }
        let is_ready = tx.final_check().expect("an index") | rx.final_check().expect("an index");
        if !is_ready && (!stack.is_closed() || tx.outstanding() > 0) {
            events.wait(None).expect("an event");
        }
    }
    println!("network echoed {echoed} bytes, all packets taken: {okay}");

    close(&end, &mut store);
    let mut returned = 0;
    let ((tx_ring, _), (rx_ring, buffers)) = (tx.detach(), rx.detach());
    for page in buffers.chain([tx_ring, rx_ring]).chain(spare) {
        returned += u32::from(page.revoke().is_ok());
    }
    println!("network closed, {returned} pages returned");
}
