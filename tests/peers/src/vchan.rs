//! libxenvchan in dom0, as the client of a server here and as the server of a client here, which echo.

use alloc::vec;
use alloc::vec::Vec;

use xen_guest::{UnmappedPage, println};
use xen_io::stream::vchan::{Offer, Orders};
use xen_io::stream::{Blocking, StreamError, Vchan};
use xen_io::xen_abi::xen::domid_t;
use xen_io::xen_ops::events::Port;
use xen_io::xen_ops::hypercall::Error;
use xen_io::xen_ops::{DomainId, Mapping, ReadWrite, RemoteGrant, View};
use xen_io::xenstore::Store as _;
use xen_io::{EventChannel as _, Pages};

use crate::machine::{Channel, Machine};
use crate::table::{self, Page, Table};

/// Where dom0 finds the server here, where its own is, and how many bytes either sends.
const PATH: &str = "data/echo";
const DOM0_PATH: &str = "/local/domain/0/data/source";
const BYTES: usize = 200_000;
/// The client writes to a ring inside the interface page, the server to one of two pages.
const ORDERS: Orders = Orders { left: 10, right: 13 };

pub(crate) fn run(machine: &Machine, table: &Table) {
    let dom0 = DomainId::new(domid_t(0)).expect("a domain");
    let count = 1 + ORDERS.pages().iter().sum::<usize>();
    let pages: Vec<Page<'_>> = (0..count).map(|_| table::grant(table, machine, dom0)).collect();
    let grants: Vec<_> = pages[1..].iter().map(|page| page.reference()).collect();
    assert!(ORDERS.write_grants(&pages[0], &grants), "as many as the rings have");
    let ring = pages[0].reference();
    let views: Vec<View<'_, ReadWrite>> = pages.iter().map(|page| page.view()).collect();
    let vchan = Vchan::server(views, ORDERS).map_err(|failed| failed.error).expect("a vchan");
    let port = Port::alloc_unbound(machine.xen(), dom0).expect("a port");

    let mut store = machine.store();
    let offer = Offer { ring, port: port.number() };
    offer.publish(&mut store, PATH, dom0).expect("the nodes");
    let mut stream = Blocking::new(vchan, machine.channel(port.number()));
    let end = echo(&mut stream);
    println!("vchan echoed {} bytes, and then {:?}", end.0, end.1);
    store.remove(PATH).expect("the nodes");
    drop(stream.into_parts().0.close());
}

/// The client of a server in dom0, where `libxenvchan` grants its own pages.
pub(crate) fn client(machine: &Machine) {
    let dom0 = DomainId::new(domid_t(0)).expect("a domain");
    let offer = Offer::wait(&mut machine.store(), DOM0_PATH, None).expect("xenstore");
    let offer = offer.expect("a server");
    let map = |grant| {
        let target = UnmappedPage::new(&machine.guest, machine.page()).expect("a frame");
        let remote = RemoteGrant::new(dom0, grant);
        let mapping = Mapping::new(machine.xen(), remote, target, ReadWrite);
        mapping.map_err(|failed| failed.error).expect("a mapping")
    };
    let interface = map(offer.ring);
    let orders = Orders::read(&interface).expect("possible orders");
    let grants: Vec<_> = orders.grants(&interface).collect();
    let pages: Vec<_> = core::iter::once(interface).chain(grants.into_iter().map(map)).collect();
    let vchan = Vchan::client(pages, orders).map_err(|failed| failed.error).expect("a vchan");
    let port = Port::bind_interdomain(machine.xen(), dom0, offer.port).expect("a port");
    let events = machine.channel(port.number());
    // The server waits for a client.
    events.notify().expect("an event");
    let mut stream = Blocking::new(vchan, events);
    let end = echo(&mut stream);
    println!("vchan client echoed {} bytes, and then {:?}", end.0, end.1);
    drop(stream.into_parts().0.close());
    events.notify().expect("an event");
}

/// Writes back what comes, and returns how much it was, and how the next read ends. Closing is up to dom0: what is in
/// the ring would be lost to it otherwise.
fn echo<M: Pages>(
    stream: &mut Blocking<Vchan<M>, Channel<'_>>,
) -> (usize, Result<usize, StreamError<Error>>) {
    let (mut bytes, mut buffer) = (0, vec![0; 3000]);
    while bytes < BYTES {
        let read = stream.read(&mut buffer).expect("bytes");
        if read == 0 {
            break;
        }
        stream.write_all(&buffer[..read]).expect("bytes");
        bytes += read;
    }
    (bytes, stream.read(&mut buffer))
}
