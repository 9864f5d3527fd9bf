//! Linux's network back end: ARP and echo requests are answered.

use alloc::vec;
use alloc::vec::Vec;

use xen_guest::println;
use xen_io::EventChannel as _;
use xen_io::net::setup::{self, Offloads, Queue};
use xen_io::net::{Fragment, PacketInfo, RxFront, SentStatus, TxFront};
use xen_io::xen_abi::io::xenbus::{XenbusStateConnected, XenbusStateInitWait};
use xen_io::xen_ops::DomainId;
use xen_io::xen_ops::events::Port;
use xen_io::xenbus::End;

use crate::machine::{Machine, close};
use crate::table::{self, Page, Table};

/// This end of the network, and how many echo requests it answers.
const MAC: [u8; 6] = [0, 0x16, 0x3e, 0, 0, 1];
const ADDRESS: [u8; 4] = [192, 168, 7, 2];
const ECHOES: usize = 3;
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
    let mut tx =
        TxFront::<_, Page<'_>, 8>::new(tx_ring).map_err(|failed| failed.error).expect("a ring");
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

    let (mut echoes, mut okay) = (0, true);
    while echoes < ECHOES || tx.outstanding() > 0 {
        while let Some(packet) = rx.take().expect("packets") {
            let mut bytes = Vec::new();
            for buffer in packet.into_buffers() {
                let mut part = vec![0; buffer.data.len()];
                buffer.kept.view().read(buffer.data.start, &mut part).expect("inside a page");
                bytes.extend(part);
                let grant = buffer.kept.reference();
                rx.post(grant, buffer.kept).map_err(|failed| failed.error).expect("a free entry");
            }
            if let Some((answer, is_echo)) = answer(&bytes) {
                let page = grant();
                page.view().write(0, &answer).expect("inside a page");
                let fragment = Fragment::new(page.reference(), 0, answer.len()).expect("a page");
                tx.send(&[fragment], &PacketInfo::default(), page)
                    .map_err(|failed| failed.error)
                    .expect("a free entry");
                echoes += usize::from(is_echo);
            }
        }
        while let Some(sent) = tx.complete().expect("responses") {
            okay &= sent.status == SentStatus::Okay && sent.kept.revoke().is_ok();
        }
        if tx.push() | rx.push() {
            events.notify().expect("an event");
        }
        let is_ready = tx.final_check().expect("an index") | rx.final_check().expect("an index");
        if !is_ready && (echoes < ECHOES || tx.outstanding() > 0) {
            events.wait(None).expect("an event");
        }
    }
    println!("network answered {echoes} echo requests, all taken: {okay}");

    close(&end, &mut store);
    let mut returned = 0;
    let ((tx_ring, _), (rx_ring, buffers)) = (tx.detach(), rx.detach());
    for page in buffers.chain([tx_ring, rx_ring]) {
        returned += u32::from(page.revoke().is_ok());
    }
    println!("network closed, {returned} pages returned");
}

/// The answer to an ARP or echo request for this address, and whether it was an echo request.
fn answer(packet: &[u8]) -> Option<(Vec<u8>, bool)> {
    let mut answer = packet.to_vec();
    let (header, body) = answer.split_at_mut_checked(14)?;
    let (target, rest) = header.split_at_mut(6);
    let (source, kind) = rest.split_at_mut(6);
    target.copy_from_slice(source);
    source.copy_from_slice(&MAC);
    match [kind[0], kind[1]] {
        [8, 6] if body.get(7) == Some(&1) && body.get(24..28) == Some(&ADDRESS) => {
            body[7] = 2;
            body.copy_within(8..18, 18);
            body[8..14].copy_from_slice(&MAC);
            body[14..18].copy_from_slice(&ADDRESS);
            Some((answer, false))
        }
        // IPv4 without options, ICMP, an echo request.
        [8, 0]
            if body.first() == Some(&0x45)
                && body.get(9) == Some(&1)
                && body.get(16..20) == Some(&ADDRESS)
                && body.get(20) == Some(&8) =>
        {
            let length = usize::from(u16::from_be_bytes([body[2], body[3]]));
            let (ip, icmp) = body.get_mut(..length)?.split_at_mut_checked(20)?;
            // The sum in the header does not change with the order of the addresses.
            ip.copy_within(12..16, 16);
            ip[12..16].copy_from_slice(&ADDRESS);
            icmp[0] = 0;
            icmp.get_mut(2..4)?.fill(0);
            let sum = sum(icmp);
            icmp[2..4].copy_from_slice(&(!sum).to_be_bytes());
            answer.truncate(14 + length);
            Some((answer, true))
        }
        _ => None,
    }
}

/// The ones' complement sum of 16-bit words.
fn sum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)])));
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    (sum + (sum >> 16)) as u16
}
