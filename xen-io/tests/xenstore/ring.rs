//! The page between a guest and the server.

use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use proptest::prelude::*;
use xen_io::xenstore::server::ring::ServerRing;
use xen_io::xenstore::server::{Server, ServerConfig};
use xen_io::xenstore::transport::{RingError, RingTransport, ServerError};
use xen_io::xenstore::{Client, Error, Store};
use xen_io::{BadIndex, EventChannel};
use xen_ops::view::Field;
use xen_ops::xen_abi::io::xs_wire::xenstore_domain_interface;
use xen_ops::xen_abi::xen::domid_t;
use xen_ops::{Page, ReadWrite, View, field};
use xen_sim::{DomainConfig, GuestKind, GuestPage, Xen};

const REQ_CONS: Field<u32> = field!(xenstore_domain_interface, req_cons);
const REQ_PROD: Field<u32> = field!(xenstore_domain_interface, req_prod);
const RSP_CONS: Field<u32> = field!(xenstore_domain_interface, rsp_cons);
const RSP_PROD: Field<u32> = field!(xenstore_domain_interface, rsp_prod);
const FEATURES: Field<u32> = field!(xenstore_domain_interface, server_features);
const CONNECTION: Field<u32> = field!(xenstore_domain_interface, connection);
const ERROR: Field<u32> = field!(xenstore_domain_interface, error);

fn page() -> GuestPage {
    let domain = Xen::new().domain(DomainConfig::new(GuestKind::Pvh).pages(4)).unwrap();
    domain.page().unwrap()
}

/// A server that works whenever the guest sends an event or waits.
struct Peer<'a> {
    server: RefCell<Server>,
    ring: RefCell<Option<ServerRing<'a>>>,
    page: View<'a, ReadWrite>,
    idle: RefCell<u32>,
}

impl<'a> Peer<'a> {
    fn new(page: View<'a, ReadWrite>) -> Self {
        let mut server = Server::new(ServerConfig::default());
        Client::new(server.local(domid_t(0))).write("/local/domain/3/name", "demo").unwrap();
        for path in ["/local/domain/3", "/local/domain/3/name"] {
            let owner = [xen_io::xenstore::Permission::none(domid_t(3))];
            Client::new(server.local(domid_t(0))).set_permissions(path, &owner).unwrap();
        }
        let peer = Self::unattached(page, server);
        peer.attach();
        peer
    }

    fn unattached(page: View<'a, ReadWrite>, server: Server) -> Self {
        let (server, ring) = (RefCell::new(server), RefCell::new(None));
        Self { server, ring, page, idle: RefCell::new(0) }
    }

    fn attach(&self) {
        let mut server = self.server.borrow_mut();
        let connection = server.introduce(domid_t(3)).unwrap();
        *self.ring.borrow_mut() =
            Some(ServerRing::attach(&server, domid_t(3), connection, self.page));
    }

    fn serve(&self) -> bool {
        let mut ring = self.ring.borrow_mut();
        let Some(ring) = ring.as_mut() else { return false };
        let served = ring.serve(&mut self.server.borrow_mut());
        served.notify || served.again
    }
}

impl EventChannel for &Peer<'_> {
    type Error = Infallible;

    fn notify(&self) -> Result<(), Infallible> {
        self.serve();
        Ok(())
    }

    fn wait(&self, timeout: Option<Duration>) -> Result<bool, Infallible> {
        if self.ring.borrow().is_none() {
            // xenstored starts while the guest waits for it.
            self.attach();
            return Ok(true);
        }
        if self.serve() {
            *self.idle.borrow_mut() = 0;
            return Ok(true);
        }
        *self.idle.borrow_mut() += 1;
        assert!(timeout.is_some() || *self.idle.borrow() < 10, "the guest waits without end");
        Ok(false)
    }
}

#[test]
fn a_guest_talks_to_the_server_through_its_page() {
    let page = page();
    let peer = Peer::new(page.view());
    let mut client = Client::new(RingTransport::attach(page.view(), &peer).unwrap());
    assert_eq!(client.transport().server_features(), 15);
    assert_eq!(client.read_string("name").unwrap(), "demo");
    client.watch("data", "t").unwrap();
    assert_eq!(client.next_event().unwrap().path(), "data");
    assert_eq!(client.wait_event(Some(Duration::ZERO)).unwrap(), None);
    // Longer than the ring, and around its end many times.
    for length in (0..2000).step_by(37) {
        let value = vec![length as u8; length];
        client.write("data", &value).unwrap();
        assert_eq!(client.read("data").unwrap(), value);
    }
}

#[test]
fn indices_need_not_begin_at_zero_and_wrap_around() {
    let page = page();
    for index in [REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD] {
        page.view().at(index).store(u32::MAX - 100, Relaxed);
    }
    let peer = Peer::new(page.view());
    let mut client = Client::new(RingTransport::attach(page.view(), &peer).unwrap());
    for _ in 0..20 {
        assert_eq!(client.read_string("name").unwrap(), "demo");
    }
    assert!(page.view().at(RSP_PROD).load(Relaxed) < 1000);
}

#[test]
fn a_guest_that_starts_before_the_server_waits_for_it() {
    let page = page();
    page.view().at(CONNECTION).store(1, Relaxed);
    let peer = Peer::unattached(page.view(), Server::new(ServerConfig::default()));
    let mut client = Client::new(RingTransport::attach(page.view(), &peer).unwrap());
    assert_eq!(client.domain_path(domid_t(3)).unwrap(), "/local/domain/3");
}

#[test]
fn a_reconnection_leaves_no_watches_and_no_half_messages() {
    let page = page();
    let peer = Peer::new(page.view());
    let mut client = Client::new(RingTransport::attach(page.view(), &peer).unwrap());
    client.watch("data", "t").unwrap();
    // Half of a header is on its way.
    xen_io::xenstore::Transport::send(client.transport_mut(), &[2, 0, 0]).unwrap();
    client.transport_mut().reconnect().unwrap();
    client.reset();
    assert_eq!(page.view().at(CONNECTION).load(Relaxed), 0);
    client.write("data", "").unwrap();
    assert_eq!(client.wait_event(Some(Duration::ZERO)).unwrap(), None);
    client.watch("data", "t").unwrap();
}

#[test]
fn a_server_without_the_feature_is_not_asked_to_reconnect() {
    let page = page();
    let peer = Peer::new(page.view());
    page.view().at(FEATURES).store(2, Relaxed);
    let mut transport = RingTransport::attach(page.view(), &peer).unwrap();
    assert_eq!(transport.reconnect(), Err(RingError::CannotReconnect));
    assert_eq!(page.view().at(CONNECTION).load(Relaxed), 0);
}

#[test]
fn a_guest_that_breaks_the_protocol_is_told_and_can_reconnect() {
    let page = page();
    let peer = Peer::new(page.view());
    let mut client = Client::new(RingTransport::attach(page.view(), &peer).unwrap());
    // A header with a length of 4097.
    let header = [2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 16, 0, 0];
    xen_io::xenstore::Transport::send(client.transport_mut(), &header).unwrap();
    assert_eq!(page.view().at(ERROR).load(Relaxed), 3);
    let stopped = Error::Transport(RingError::Server(ServerError::Protocol));
    assert_eq!(client.read("name"), Err(stopped));
    client.transport_mut().reconnect().unwrap();
    client.reset();
    assert_eq!(client.read_string("name").unwrap(), "demo");

    // An index that is too far ahead.
    let prod = page.view().at(REQ_PROD);
    prod.store(prod.load(Relaxed).wrapping_add(1025), Relaxed);
    peer.serve();
    assert_eq!(page.view().at(ERROR).load(Relaxed), 2);
    let attached = RingTransport::attach(page.view(), &peer).map(drop);
    assert_eq!(attached, Err(RingError::Server(ServerError::RingIndex)));
}

#[test]
fn the_guest_checks_the_servers_indices() {
    let page = page();
    let peer = Peer::new(page.view());
    let mut client = Client::new(RingTransport::attach(page.view(), &peer).unwrap());
    page.view().at(REQ_CONS).store(5000, Relaxed);
    let bad = BadIndex { ring: "xenstore req", index: "req_cons", value: 5000, first: 0, last: 0 };
    assert_eq!(client.read("name"), Err(Error::Transport(RingError::BadIndex(bad))));
    page.view().at(REQ_CONS).store(0, Relaxed);
    page.view().at(RSP_PROD).store(1025, Relaxed);
    let bad =
        BadIndex { ring: "xenstore rsp", index: "rsp_prod", value: 1025, first: 0, last: 1024 };
    let attached = RingTransport::attach(page.view(), &peer).map(drop);
    assert_eq!(attached, Err(RingError::BadIndex(bad)));
    // A full ring is no lie.
    page.view().at(RSP_PROD).store(1024, Relaxed);
    assert!(RingTransport::attach(page.view(), &peer).is_ok());
}

/// A channel that brings nothing.
struct Silent;

impl EventChannel for Silent {
    type Error = std::fmt::Error;

    fn notify(&self) -> Result<(), Self::Error> {
        Ok(())
    }

    fn wait(&self, _: Option<Duration>) -> Result<bool, Self::Error> {
        Err(std::fmt::Error)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever one side finds in the page, it neither panics nor loops.
    #[test]
    fn any_page_is_survived(
        bytes in proptest::collection::vec(any::<u8>(), 2048),
        indices in proptest::collection::vec(prop_oneof![0u32..3000, any::<u32>()], 4),
        features: u32,
        connection in 0u32..3,
        error in 0u32..5,
    ) {
        let page = page();
        let view = page.view();
        view.write(0, &bytes).unwrap();
        for (field, value) in [REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD].into_iter().zip(&indices) {
            view.at(field).store(*value, Relaxed);
        }
        view.at(FEATURES).store(features, Relaxed);
        view.at(CONNECTION).store(connection, Relaxed);
        view.at(ERROR).store(error, Relaxed);
        if let Ok(transport) = RingTransport::attach(view, Silent) {
            let mut client = Client::new(transport);
            let _ = client.read("name");
            let _ = client.wait_event(Some(Duration::ZERO));
        }
        view.at(CONNECTION).store(connection, Relaxed);
        let peer = Peer::new(view);
        for _ in 0..10 {
            peer.serve();
        }
        prop_assert!(peer.server.borrow().check().is_ok());
        prop_assert!(peer.server.borrow().memory(domid_t(3)) < 3 << 20);
    }
}
