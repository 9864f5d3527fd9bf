//! smoltcp, over packets in memory: it answers ARP and echo requests, and sends back what comes over one connection.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

/// This end of the network.
const MAC: EthernetAddress = EthernetAddress([0, 0x16, 0x3e, 0, 0, 1]);
const ADDRESS: IpAddress = IpAddress::v4(192, 168, 7, 2);
/// The port of the service that sends back what it gets.
const ECHO: u16 = 7;
const BUFFER: usize = 16 << 10;
/// Packets that wait to be sent, at most.
const MAX_SENT: usize = 32;

/// Packets on their way between the device and the stack.
#[derive(Default)]
pub(crate) struct Packets {
    pub(crate) arrived: VecDeque<Vec<u8>>,
    pub(crate) sent: VecDeque<Vec<u8>>,
}

/// A packet that arrived.
pub(crate) struct Arrived(Vec<u8>);

impl phy::RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

/// A place for a packet to be sent.
pub(crate) struct Sending<'a>(&'a mut VecDeque<Vec<u8>>);

impl phy::TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut packet = vec![0; length];
        let result = f(&mut packet);
        self.0.push_back(packet);
        result
    }
}

impl phy::Device for Packets {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Arrived, Sending<'_>)> {
        let packet = self.arrived.pop_front()?;
        Some((Arrived(packet), Sending(&mut self.sent)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending<'_>> {
        (self.sent.len() < MAX_SENT).then_some(Sending(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.max_transmission_unit = 1514;
        capabilities.medium = Medium::Ethernet;
        capabilities
    }
}

pub(crate) struct Stack {
    interface: Interface,
    sockets: SocketSet<'static>,
    connection: SocketHandle,
}

impl Stack {
    /// A stack that listens. Times are in nanoseconds.
    pub(crate) fn new(packets: &mut Packets, now: u64) -> Self {
        let mut interface = Interface::new(Config::new(MAC.into()), packets, instant(now));
        interface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(ADDRESS, 24)).expect("space for one");
        });
        let buffer = || SocketBuffer::new(vec![0; BUFFER]);
        let mut socket = Socket::new(buffer(), buffer());
        // This kernel waits for packets, and has no timer.
        socket.set_ack_delay(None);
        socket.set_nagle_enabled(false);
        socket.listen(ECHO).expect("a socket that is not open");
        let mut sockets = SocketSet::new(Vec::new());
        let connection = sockets.add(socket);
        Self { interface, sockets, connection }
    }

    /// Handles packets that arrived, sends back what came over the connection and returns how much that was, and
    /// makes packets to be sent.
    pub(crate) fn poll(&mut self, packets: &mut Packets, now: u64) -> usize {
        self.interface.poll(instant(now), packets, &mut self.sockets);
        let socket = self.sockets.get_mut::<Socket<'_>>(self.connection);
        let mut echoed = 0;
        while socket.can_recv() && socket.can_send() {
            let space = socket.send_capacity() - socket.send_queue();
            let mut bytes = vec![0; space];
            let received = socket.recv_slice(&mut bytes).expect("bytes");
            echoed += socket.send_slice(&bytes[..received]).expect("a connection");
        }
        if socket.state() == State::CloseWait && !socket.can_recv() {
            socket.close();
        }
        self.interface.poll(instant(now), packets, &mut self.sockets);
        echoed
    }

    /// Whether there was a connection that is closed.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.sockets.get_mut::<Socket<'_>>(self.connection).state() == State::Closed
    }
}

fn instant(nanoseconds: u64) -> Instant {
    Instant::from_micros((nanoseconds / 1000) as i64)
}
