//! smoltcp, over packets in memory, with one connection.

use std::collections::VecDeque;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

use crate::AnyError;

/// The port of the service that sends back what it gets.
const ECHO: u16 = 7;
const BUFFER: usize = 64 << 10;
/// Packets that wait to be sent, at most.
const MAX_SENT: usize = 32;

/// Packets on their way between the device and the stack.
#[derive(Debug, Default)]
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

/// The address whose last byte this is.
const fn address(last: u8) -> IpAddress {
    IpAddress::v4(192, 168, 7, last)
}

pub(crate) struct Stack {
    interface: Interface,
    sockets: SocketSet<'static>,
    connection: SocketHandle,
}

impl Stack {
    /// A stack whose address ends with this byte.
    pub(crate) fn new(packets: &mut Packets, last: u8) -> Self {
        let hardware = EthernetAddress([0, 0x16, 0x3e, 0, 0, last]);
        let mut interface = Interface::new(Config::new(hardware.into()), packets, Instant::now());
        interface.update_ip_addrs(|addresses| {
            // There is space for one.
            let _ = addresses.push(IpCidr::new(address(last), 24));
        });
        let buffer = || SocketBuffer::new(vec![0; BUFFER]);
        let mut sockets = SocketSet::new(Vec::new());
        let connection = sockets.add(Socket::new(buffer(), buffer()));
        Self { interface, sockets, connection }
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.connection)
    }

    pub(crate) fn listen(&mut self) -> Result<(), AnyError> {
        self.socket().listen(ECHO).map_err(|error| error.to_string().into())
    }

    pub(crate) fn connect(&mut self, last: u8) -> Result<(), AnyError> {
        let socket = self.sockets.get_mut::<Socket<'_>>(self.connection);
        let connected = socket.connect(self.interface.context(), (address(last), ECHO), 49152);
        connected.map_err(|error| error.to_string().into())
    }

    /// Handles packets that arrived, and makes packets to be sent.
    pub(crate) fn poll(&mut self, packets: &mut Packets) {
        self.interface.poll(Instant::now(), packets, &mut self.sockets);
    }

    /// Appends what has been received.
    pub(crate) fn receive(&mut self, to: &mut Vec<u8>) -> Result<(), AnyError> {
        let socket = self.socket();
        while socket.can_recv() {
            let received = socket.recv(|bytes| {
                to.extend_from_slice(bytes);
                (bytes.len(), ())
            });
            received.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Sends from the start of `from`, removes what fits, and returns how much that was.
    pub(crate) fn send(&mut self, from: &mut Vec<u8>) -> Result<usize, AnyError> {
        let socket = self.socket();
        if !socket.can_send() || from.is_empty() {
            return Ok(0);
        }
        let sent = socket.send_slice(from).map_err(|error| error.to_string())?;
        from.drain(..sent);
        Ok(sent)
    }

    pub(crate) fn close(&mut self) {
        self.socket().close();
    }

    /// Whether the other side has closed its half and everything was received.
    pub(crate) fn is_finished(&mut self) -> bool {
        use smoltcp::socket::tcp::State;
        self.socket().state() == State::CloseWait && !self.socket().can_recv()
    }

    /// Whether there is no connection any more, or only one that waits for stray packets.
    pub(crate) fn is_closed(&mut self) -> bool {
        use smoltcp::socket::tcp::State;
        matches!(self.socket().state(), State::Closed | State::TimeWait)
    }
}
