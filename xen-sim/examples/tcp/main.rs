//! TCP over a network device between two domains: the guest sends bytes to the driver domain, which sends them back.
//! The crate smoltcp is the TCP of both.
//!
//!     cargo run --example tcp

mod stack;

use std::error::Error;
use std::thread;
use std::time::Duration;

use stack::{Packets, Stack};
use xen_abi::io::xenbus::{
    XenbusStateClosed, XenbusStateClosing, XenbusStateConnected, XenbusStateInitWait,
};
use xen_io::net::setup::{self, Offloads, Queue};
use xen_io::net::{Delivery, Fragment, PacketInfo, RxBack, RxFront, TxBack, TxFront};
use xen_io::xenbus::End;
use xen_io::xenbus::toolstack::Device;
use xen_io::{CopyGrants, EventChannel};
use xen_ops::events::Port;
use xen_ops::gnttab::{GrantTable, Granted};
use xen_ops::{DomainId, Mapping, ReadWrite, RemoteGrant};
use xen_sim::{Channel, Domain, DomainConfig, GrantFrames, GuestKind, GuestPage, TableMemory, Xen};

/// Bytes that go there and back.
const BYTES: usize = 1 << 20;
/// The last byte of each end's address.
const GUEST: u8 = 2;
const DRIVER: u8 = 1;
/// Buffers of the guest's for packets to it.
const BUFFERS: usize = 64;
/// How long an end waits for the other to connect, and for an event: TCP has timers of its own.
const TIMEOUT: Option<Duration> = Some(Duration::from_secs(60));
const TURN: Option<Duration> = Some(Duration::from_millis(5));

type AnyError = Box<dyn Error + Send + Sync>;
type Table<'s> = GrantTable<'s, Domain, GrantFrames, GuestPage>;
type Grant<'t> = Granted<'t, GuestPage, ReadWrite>;

/// The driver domain: sends back what arrives, until the guest closes the connection, and returns how much it was.
fn driver(domain: &Domain, guest: DomainId) -> Result<usize, AnyError> {
    let mut store = domain.xenstore()?;
    let end = End::backend(&mut store, "vif", guest, 0)?;
    end.watch(&mut store, "vif-0")?;
    setup::publish_backend(&end, &mut store, Offloads::NONE, 1)?;
    end.set_state(&mut store, XenbusStateInitWait)?;
    end.wait_for(&mut store, XenbusStateConnected, TIMEOUT)?.ok_or("no front end")?;
    let queues = setup::other_queues(&end, &mut store, 1)?;
    let [queue] = &queues[..] else { return Err("one queue was offered".into()) };
    let map = |grant| {
        let remote = RemoteGrant::new(guest, grant);
        Mapping::new(domain, remote, domain.target(), ReadWrite)
    };
    let grants =
        || Ok::<_, AnyError>(CopyGrants::new(domain, guest, domain.page().ok_or("no page")?));
    let port = Port::bind_interdomain(domain, guest, queue.tx_port)?;
    let events = Channel::of(domain, &port);
    let mut tx = TxBack::attach(map(queue.tx_ring)?, grants()?).map_err(|failed| failed.error)?;
    let mut rx = RxBack::attach(map(queue.rx_ring)?, grants()?).map_err(|failed| failed.error)?;
    end.set_state(&mut store, XenbusStateConnected)?;

    let mut packets = Packets::default();
    let mut stack = Stack::new(&mut packets, DRIVER);
    stack.listen()?;
    let (mut buffer, mut echoed, mut waiting) = (vec![0; 65535], 0, Vec::new());
    while !stack.is_closed() {
        while let Some(packet) = tx.take(&mut buffer)? {
            packets.arrived.push_back(buffer[..packet?.size].to_vec());
        }
        stack.poll(&mut packets);
        stack.receive(&mut waiting)?;
        echoed += stack.send(&mut waiting)?;
        if stack.is_finished() && waiting.is_empty() {
            stack.close();
        }
        stack.poll(&mut packets);
        while let Some(packet) = packets.sent.front() {
            match rx.send(packet, &PacketInfo::default())? {
                Delivery::Delivered => packets.sent.pop_front(),
                Delivery::NoBuffers => break,
                other => return Err(format!("a packet for the guest: {other:?}").into()),
            };
        }
        if tx.push() | rx.push() {
            events.notify()?;
        }
        if !tx.final_check()? {
            events.wait(TURN)?;
        }
    }
    end.wait_for(&mut store, XenbusStateClosing, TIMEOUT)?.ok_or("no front end")?;
    drop((tx, rx));
    end.set_state(&mut store, XenbusStateClosed)?;
    Ok(echoed)
}

/// The guest: connects, and sends bytes until all of them are back.
fn guest(domain: &Domain, table: &Table<'_>) -> Result<(), AnyError> {
    let mut store = domain.xenstore()?;
    let end = End::frontend(&mut store, "vif", 0)?;
    let back = DomainId::new(end.other_domain())?;
    end.watch(&mut store, "vif-0")?;
    end.wait_for(&mut store, XenbusStateInitWait, TIMEOUT)?.ok_or("no back end")?;
    let grant = || table.grant_zeroed(back, domain, ReadWrite);
    let (tx_ring, rx_ring) = (grant()?, grant()?);
    let port = Port::alloc_unbound(domain, back)?;
    let events = Channel::of(domain, &port);
    let queue = Queue {
        tx_ring: tx_ring.reference(),
        rx_ring: rx_ring.reference(),
        tx_port: port.number(),
        rx_port: port.number(),
    };
    let mut tx = TxFront::<_, Grant<'_>>::new(tx_ring).map_err(|failed| failed.error)?;
    let mut rx = RxFront::<_, Grant<'_>>::new(rx_ring).map_err(|failed| failed.error)?;
    for _ in 0..BUFFERS {
        let page = grant()?;
        rx.post(page.reference(), page).map_err(|failed| failed.error)?;
    }
    setup::publish_frontend(&end, &mut store, Offloads::NONE, &[queue])?;
    end.set_state(&mut store, XenbusStateConnected)?;
    end.wait_for(&mut store, XenbusStateConnected, TIMEOUT)?.ok_or("no back end")?;

    let mut packets = Packets::default();
    let mut stack = Stack::new(&mut packets, GUEST);
    stack.connect(DRIVER)?;
    let content: Vec<u8> = (0..BYTES).map(|at| (at * 7 + at / 256) as u8).collect();
    let (mut left, mut received) = (content.clone(), Vec::new());
    while !stack.is_closed() {
        while let Some(packet) = rx.take()? {
            let mut whole = Vec::new();
            for buffer in packet.into_buffers() {
                let mut part = vec![0; buffer.data.len()];
                buffer.kept.view().read(buffer.data.start, &mut part)?;
                whole.extend(part);
                rx.post(buffer.kept.reference(), buffer.kept).map_err(|failed| failed.error)?;
            }
            packets.arrived.push_back(whole);
        }
        stack.poll(&mut packets);
        stack.send(&mut left)?;
        stack.receive(&mut received)?;
        if received.len() == BYTES {
            stack.close();
        }
        stack.poll(&mut packets);
        // The pages of packets that were taken are the guest's again.
        while tx.complete()?.is_some() {}
        while tx.outstanding() < 16 {
            let Some(packet) = packets.sent.pop_front() else { break };
            let page = grant()?;
            page.view().write(0, &packet)?;
            let fragment = Fragment::new(page.reference(), 0, packet.len());
            let fragment = fragment.ok_or("a packet is larger than a page")?;
            tx.send(&[fragment], &PacketInfo::default(), page).map_err(|failed| failed.error)?;
        }
        if tx.push() | rx.push() {
            events.notify()?;
        }
        if !(tx.final_check()? | rx.final_check()?) {
            events.wait(TURN)?;
        }
    }
    println!("{} bytes came back as they were: {}", received.len(), received == content);
    end.set_state(&mut store, XenbusStateClosing)?;
    end.wait_for(&mut store, XenbusStateClosed, TIMEOUT)?.ok_or("no back end")?;
    end.set_state(&mut store, XenbusStateClosed)?;
    Ok(())
}

fn main() -> Result<(), AnyError> {
    let xen = Xen::builder().xenstore().build();
    let pages = |count| DomainConfig::new(GuestKind::Pvh).pages(count);
    let [front, back] = [xen.domain(pages(512))?, xen.domain(pages(16))?];
    let (frontend, backend) = (front.domid().into(), back.domid().into());
    let device = Device::new("vif", 0, frontend, backend);
    xen.toolstack(|store| device.create(store, &[], &[])).ok_or("no xenstore")??;
    let mut memory = TableMemory::new(64, 64);
    let table = front.grant_table(&mut memory, Default::default())?;
    thread::scope(|scope| {
        let driver = scope.spawn(|| {
            let report = |error: &AnyError| eprintln!("the driver domain: {error}");
            driver(&back, front.domid()).inspect_err(report)
        });
        guest(&front, &table)?;
        let echoed = driver.join().map_err(|_| "the driver domain panicked")??;
        println!("the driver domain sent back {echoed} bytes");
        Ok::<_, AnyError>(())
    })?;
    drop(table);
    xen.check_invariants()?;
    Ok(())
}
