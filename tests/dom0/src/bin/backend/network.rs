//! A network device: packets go to and from an interface of this Linux.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use xen_abi::io::xenbus::{XenbusStateConnected, XenbusStateInitWait};
use xen_io::EventChannel as _;
use xen_io::net::setup::{self, Offloads};
use xen_io::net::{Delivery, PacketInfo, RxBack, TxBack};
use xen_io::xenbus::End;
use xen_linux::drivers::GntdevCopy;
use xen_linux::{Channel, DomainId, Gntdev, ReadWrite, RemoteGrant};

use crate::tap::Tap;
use crate::{AnyError, Countdown, Store};

/// How long it waits before it looks whether the front end closes.
const TURN: Duration = Duration::from_millis(200);

pub(crate) fn run(
    store: &mut Store,
    guest: DomainId,
    mut countdown: Countdown,
) -> Result<(), AnyError> {
    let tap = Tap::open("tap0")?;
    let end = End::backend(store, "vif", guest, 0)?;
    end.watch(store, "vif")?;
    let takes_over = end.state(store)? == XenbusStateConnected;
    if !takes_over {
        // The interface takes packets without their checksums, and of the usual size.
        let offloads = Offloads { checksum_v4: true, checksum_v6: true, ..Offloads::NONE };
        setup::publish_backend(&end, store, offloads, 1)?;
        end.set_state(store, XenbusStateInitWait)?;
        end.wait_for(store, XenbusStateConnected, None)?;
    }
    let queues = setup::other_queues(&end, store, 1)?;
    let [queue] = &queues[..] else { return Err("one queue was offered".into()) };
    let is_split = queue.tx_port != queue.rx_port;

    let gntdev = Gntdev::open()?;
    let map = |grant| gntdev.map(RemoteGrant::new(guest, grant), ReadWrite);
    let (tx_ring, rx_ring) = (map(queue.tx_ring)?, map(queue.rx_ring)?);
    let bind = |port| Channel::open(|evtchn| evtchn.bind_interdomain(guest, port));
    let tx_events = bind(queue.tx_port)?;
    let rx_events = if is_split { Some(bind(queue.rx_port)?) } else { None };
    let rx_events = rx_events.as_ref().unwrap_or(&tx_events);
    let grants = || GntdevCopy::new(gntdev.clone(), guest);
    let (tx_page, rx_page) = (tx_ring.page(0).ok_or("a page")?, rx_ring.page(0).ok_or("a page")?);
    let mut tx = TxBack::attach(tx_page, grants()).map_err(|failed| failed.error)?;
    let mut rx = RxBack::attach(rx_page, grants()).map_err(|failed| failed.error)?;
    end.set_state(store, XenbusStateConnected)?;
    println!("backend network, event channels of both rings: {is_split}, takes over: {takes_over}");
    if takes_over {
        // Responses of the last one may be there without an event.
        tx_events.notify()?;
        rx_events.notify()?;
    }

    let mut buffer = vec![0; 65535];
    let mut arrived = vec![0; 65535];
    // A packet for the guest that waits for buffers.
    let mut waiting = None;
    let (mut packets, mut bad) = (0, 0);
    loop {
        let mut notify = false;
        while let Some(packet) = tx.take(&mut buffer)? {
            // For another back end to take over from here on: the answer lies where the request was.
            notify |= tx.push();
            countdown.count();
            match packet {
                // An interface that is down takes none: the packet is lost, as on a wire.
                Ok(packet) => drop(tap.write(&buffer[..packet.size], packet.info.checksum)),
                Err(_) => bad += 1,
            }
            packets += 1;
        }
        loop {
            if waiting.is_none() {
                waiting = tap.read(&mut arrived)?;
            }
            let Some((size, checksum)) = waiting else { break };
            let info = PacketInfo { checksum, ..PacketInfo::default() };
            match rx.send(&arrived[..size], &info)? {
                Delivery::NoBuffers => break,
                Delivery::Delivered => {}
                other => println!("backend network: a packet of {size} bytes: {other:?}"),
            }
            waiting = None;
        }
        if notify {
            tx_events.notify()?;
        }
        if rx.push() {
            rx_events.notify()?;
        }
        if tx.final_check()? {
            continue;
        }
        let mut wanted =
            vec![PollFd::new(&tx_events, PollFlags::IN), PollFd::new(rx_events, PollFlags::IN)];
        if waiting.is_none() {
            wanted.push(PollFd::new(&tap, PollFlags::IN));
        }
        let ready = poll(&mut wanted, Some(&Timespec::try_from(TURN)?))?;
        tx_events.take()?;
        if is_split {
            rx_events.take()?;
        }
        if ready == 0 && end.other_is_closing(store)? {
            break;
        }
    }
    println!("backend network took packets: {}, bad {bad}", packets > 0);
    drop((tx, rx));
    tx_ring.unmap()?;
    rx_ring.unmap()?;
    crate::close(&end, store)
}
