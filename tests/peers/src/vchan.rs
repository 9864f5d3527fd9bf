//! libxenvchan in dom0, as the client of a server here, which echoes.

use alloc::vec;
use alloc::vec::Vec;

use xen_guest::println;
use xen_io::stream::vchan::{Offer, Orders};
use xen_io::stream::{Blocking, Vchan};
use xen_io::xen_abi::xen::domid_t;
use xen_io::xen_ops::events::Port;
use xen_io::xen_ops::{DomainId, ReadWrite, View};
use xen_io::xenstore::Store as _;

use crate::machine::Machine;
use crate::table::{self, Page, Table};

/// Where dom0 finds the server, and how many bytes it sends.
const PATH: &str = "data/echo";
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
    let channel = machine.channel(port.number());
    let mut stream = Blocking::new(vchan, channel);
    let (mut bytes, mut buffer) = (0, vec![0; 3000]);
    while bytes < BYTES {
        let read = stream.read(&mut buffer).expect("bytes");
        if read == 0 {
            break;
        }
        stream.write_all(&buffer[..read]).expect("bytes");
        bytes += read;
    }
    // Closing is up to the client: what is in the ring would be lost to it otherwise.
    let end = stream.read(&mut buffer);
    println!("vchan echoed {bytes} bytes, and then {end:?}");
    store.remove(PATH).expect("the nodes");
    drop(stream.into_parts().0.close());
}
