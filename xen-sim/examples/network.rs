//! A network device between two domains, with two queues: the guest sends packets without checksums, the
//! driver domain computes the checksums and sends the packets back, and the guest verifies them.
//!
//!     cargo run --example network

use std::collections::VecDeque;
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use xen_abi::io::xenbus::{
    XenbusStateClosed, XenbusStateClosing, XenbusStateConnected, XenbusStateInitWait,
};
use xen_io::net::setup::{self, Offloads, Queue};
use xen_io::net::{Checksum, Delivery, Fragment, PacketInfo, RxBack, RxFront, TxBack, TxFront};
use xen_io::xenbus::toolstack::Device;
use xen_io::xenbus::{End, queues};
use xen_io::{CopyGrants, EventChannel};
use xen_ops::events::Port;
use xen_ops::gnttab::{GrantTable, Granted};
use xen_ops::page::PAGE_SIZE;
use xen_ops::{DomainId, Mapping, ReadWrite, RemoteGrant};
use xen_sim::{Channel, Domain, DomainConfig, GrantFrames, GuestKind, GuestPage, TableMemory, Xen};

/// Queues of the device, packets through each, and how large they are.
const QUEUES: u32 = 2;
const PACKETS: usize = 500;
const SIZES: [usize; 5] = [60, 1514, 4096, 9000, 40_000];

/// How long an end waits for the other.
const TIMEOUT: Option<Duration> = Some(Duration::from_secs(60));
/// Where the checksum lies: after the Ethernet header. It covers all that follows the header.
const HEADER: usize = 14;
/// Buffers that a queue has.
const BUFFERS: usize = 64;

type AnyError = Box<dyn Error + Send + Sync>;
type Table<'s> = GrantTable<'s, Domain, GrantFrames, GuestPage>;
type Grant<'t> = Granted<'t, GuestPage, ReadWrite>;

/// The ones' complement sum of 16-bit words, as IP's.
fn sum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)])));
    let sum = words.fold(0_u64, |sum, word| sum + u64::from(word));
    let mut sum = sum;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// The driver domain: serves the device until the guest closes it.
fn driver(domain: &Domain, guest: DomainId) -> Result<usize, AnyError> {
    let mut store = domain.xenstore()?;
    let end = End::backend(&mut store, "vif", guest, 0)?;
    end.watch(&mut store, "vif-0")?;
    setup::publish_backend(&end, &mut store, Offloads::ALL, QUEUES)?;
    end.set_state(&mut store, XenbusStateInitWait)?;
    end.wait_for(&mut store, XenbusStateConnected, TIMEOUT)?
        .ok_or("the other end does not answer")?;
    let queues = setup::other_queues(&end, &mut store, QUEUES)?;
    end.set_state(&mut store, XenbusStateConnected)?;

    let closing = &AtomicBool::new(false);
    let packets = thread::scope(|scope| {
        let serve = |queue| scope.spawn(move || serve(domain, guest, queue, closing));
        let threads: Vec<_> = queues.into_iter().map(serve).collect();
        end.wait_for(&mut store, XenbusStateClosing, TIMEOUT)?
            .ok_or("the other end does not answer")?;
        closing.store(true, Ordering::Release);
        let mut packets = 0;
        for thread in threads {
            packets += thread.join().map_err(|_| "a queue panicked")??;
        }
        Ok::<_, AnyError>(packets)
    })?;
    end.set_state(&mut store, XenbusStateClosed)?;
    Ok(packets)
}

/// One queue of the driver domain: each packet gets its checksum and goes back.
fn serve(
    domain: &Domain,
    guest: DomainId,
    queue: Queue,
    closing: &AtomicBool,
) -> Result<usize, AnyError> {
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

    let mut buffer = vec![0; 65535];
    let mut waiting: VecDeque<Vec<u8>> = VecDeque::new();
    let mut packets = 0;
    while !closing.load(Ordering::Acquire) {
        while let Some(packet) = tx.take(&mut buffer)? {
            let packet = packet?;
            let bytes = &mut buffer[..packet.size];
            if packet.info.checksum == Checksum::Blank {
                let checksum = !sum(&bytes[HEADER..]);
                bytes[HEADER..HEADER + 2].copy_from_slice(&checksum.to_be_bytes());
            }
            waiting.push_back(bytes.to_vec());
            packets += 1;
        }
        let info = PacketInfo::default();
        while let Some(packet) = waiting.front() {
            match rx.send(packet, &info)? {
                Delivery::Delivered => waiting.pop_front(),
                Delivery::NoBuffers => break,
                other => return Err(format!("a packet for the guest: {other:?}").into()),
            };
        }
        // Both, not one or the other.
        let notify = tx.push() | rx.push();
        if notify {
            events.notify()?;
        }
        if !tx.final_check()? {
            events.wait(Some(Duration::from_millis(100)))?;
        }
    }
    Ok(packets)
}

/// The guest: sends packets on both queues, and closes the device.
fn guest(domain: &Domain, table: &Table<'_>) -> Result<(), AnyError> {
    let mut store = domain.xenstore()?;
    let end = End::frontend(&mut store, "vif", 0)?;
    let driver = DomainId::new(end.other_domain())?;
    end.watch(&mut store, "vif-0")?;
    end.wait_for(&mut store, XenbusStateInitWait, TIMEOUT)?
        .ok_or("the other end does not answer")?;
    println!("the back end takes {:?}", Offloads::of_other(&end, &mut store)?);
    let count = queues::allowed(&end, &mut store)?.min(QUEUES);

    let grant = || table.grant_zeroed(driver, domain, ReadWrite);
    let (mut ports, mut queues, mut nodes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..count {
        let (tx_ring, rx_ring) = (grant()?, grant()?);
        let port = Port::alloc_unbound(domain, driver)?;
        nodes.push(Queue {
            tx_ring: tx_ring.reference(),
            rx_ring: rx_ring.reference(),
            tx_port: port.number(),
            rx_port: port.number(),
        });
        let tx = TxFront::<_, Vec<Grant<'_>>>::new(tx_ring).map_err(|failed| failed.error)?;
        let rx = RxFront::<_, Grant<'_>>::new(rx_ring).map_err(|failed| failed.error)?;
        queues.push((tx, rx, Channel::of(domain, &port)));
        ports.push(port);
    }
    setup::publish_frontend(&end, &mut store, Offloads::ALL, &nodes)?;
    end.set_state(&mut store, XenbusStateConnected)?;
    end.wait_for(&mut store, XenbusStateConnected, TIMEOUT)?
        .ok_or("the other end does not answer")?;

    thread::scope(|scope| {
        let exchange = |(tx, rx, events)| {
            scope.spawn(move || exchange(domain, table, driver, tx, rx, &events))
        };
        let threads: Vec<_> = queues.into_iter().map(exchange).collect();
        for (number, thread) in threads.into_iter().enumerate() {
            let bytes = thread.join().map_err(|_| "a queue panicked")??;
            println!("queue {number}: {PACKETS} packets, {bytes} bytes, all checksums right");
        }
        Ok::<_, AnyError>(())
    })?;
    end.set_state(&mut store, XenbusStateClosing)?;
    end.wait_for(&mut store, XenbusStateClosed, TIMEOUT)?.ok_or("the other end does not answer")?;
    end.set_state(&mut store, XenbusStateClosed)?;
    Ok(())
}

/// One queue of the guest: sends packets, and verifies those that come back.
fn exchange<'t, R: xen_io::Pages>(
    domain: &Domain,
    table: &'t Table<'t>,
    driver: DomainId,
    mut tx: TxFront<R, Vec<Grant<'t>>>,
    mut rx: RxFront<R, Grant<'t>>,
    events: &Channel,
) -> Result<usize, AnyError> {
    for _ in 0..BUFFERS {
        let page = table.grant_zeroed(driver, domain, ReadWrite)?;
        rx.post(page.reference(), page).map_err(|failed| failed.error)?;
    }
    let (mut sent, mut received, mut bytes) = (0, 0, 0);
    while received < PACKETS {
        while let Some(packet) = rx.take()? {
            let mut whole = Vec::new();
            for buffer in packet.into_buffers() {
                let mut part = vec![0; buffer.data.len()];
                buffer.kept.view().read(buffer.data.start, &mut part)?;
                whole.extend(part);
                rx.post(buffer.kept.reference(), buffer.kept).map_err(|failed| failed.error)?;
            }
            let mut expected = contents(received);
            expected[HEADER..HEADER + 2].copy_from_slice(&whole[HEADER..HEADER + 2]);
            if sum(&whole[HEADER..]) != 0xffff || whole != expected {
                return Err(format!("packet {received} differs").into());
            }
            bytes += whole.len();
            received += 1;
        }
        // The pages of packets that were copied are the guest's again.
        while tx.complete()?.is_some() {}
        while sent < PACKETS && tx.outstanding() < 4 {
            let packet = contents(sent);
            let (mut pages, mut fragments) = (Vec::new(), Vec::new());
            for chunk in packet.chunks(PAGE_SIZE) {
                let page = table.grant_zeroed(driver, domain, ReadWrite)?;
                page.view().write(0, chunk)?;
                let fragment = Fragment::new(page.reference(), 0, chunk.len());
                fragments.push(fragment.ok_or("a chunk is larger than a page")?);
                pages.push(page);
            }
            let info = PacketInfo { checksum: Checksum::Blank, ..PacketInfo::default() };
            tx.send(&fragments, &info, pages).map_err(|failed| failed.error)?;
            sent += 1;
        }
        // Both, not one or the other: what was sent and the buffers that were posted again.
        let notify = tx.push() | rx.push();
        if notify {
            events.notify()?;
        }
        // Both ask for an event.
        let is_ready = tx.final_check()? | rx.final_check()?;
        if received < PACKETS && !is_ready && !events.wait(TIMEOUT)? {
            return Err("the driver domain does not answer".into());
        }
    }
    Ok(bytes)
}

/// The packet with that number, without its checksum.
fn contents(number: usize) -> Vec<u8> {
    let mut packet: Vec<u8> =
        (0..SIZES[number % SIZES.len()]).map(|at| (at * 7 + at / 256 + number) as u8).collect();
    packet[HEADER..HEADER + 2].fill(0);
    packet
}

fn main() -> Result<(), AnyError> {
    let xen = Xen::builder().xenstore().build();
    let pages = |count| DomainConfig::new(GuestKind::Pvh).pages(count);
    let front = xen.domain(pages(512))?;
    let back = xen.domain(pages(16))?;
    println!("the guest is {}, the driver domain is {}", front.domid(), back.domid());
    let (frontend, backend) = (front.domid().into(), back.domid().into());
    let device = Device::new("vif", 0, frontend, backend);
    let mac = [("mac", "00:16:3e:00:00:01")];
    xen.toolstack(|store| device.create(store, &mac, &mac)).ok_or("no xenstore")??;

    let mut memory = TableMemory::new(64, 64);
    let table = front.grant_table(&mut memory, Default::default())?;
    thread::scope(|scope| {
        let driver = scope.spawn(|| {
            let report = |error: &AnyError| eprintln!("the driver domain: {error}");
            driver(&back, front.domid()).inspect_err(report)
        });
        guest(&front, &table)?;
        let packets = driver.join().map_err(|_| "the driver domain panicked")??;
        println!("the driver domain computed {packets} checksums");
        Ok::<_, AnyError>(())
    })?;
    xen.toolstack(|store| device.remove(store)).ok_or("no xenstore")??;
    drop(table);
    xen.check_invariants()?;
    Ok(())
}
