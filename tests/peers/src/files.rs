//! xen-9pfsd: a file is created, written, and read back.

use alloc::vec;
use alloc::vec::Vec;

use xen_guest::println;
use xen_io::p9fs::setup::{self, Limits, Ring};
use xen_io::p9fs::{Client, Error, Mode};
use xen_io::stream::flex::{self, Interface};
use xen_io::stream::{Blocking, Stream};
use xen_io::xen_abi::io::xenbus::{
    XenbusStateClosed, XenbusStateClosing, XenbusStateConnected, XenbusStateInitWait,
    XenbusStateInitialised,
};
use xen_io::xen_ops::events::Port;
use xen_io::xen_ops::page::PAGE_SIZE;
use xen_io::xen_ops::{DomainId, ReadWrite, View};
use xen_io::xenbus::End;

use crate::machine::Machine;
use crate::table::{self, Page, Table};

/// Bytes of the file: more than a message has, and a message has more than a ring.
const BYTES: usize = 100_000;
const ORDER: u32 = 2;

pub(crate) fn run(machine: &Machine, table: &Table) {
    let mut store = machine.store();
    let end = End::frontend(&mut store, "9pfs", 0).expect("a file system");
    let back = DomainId::new(end.other_domain()).expect("a domain");
    end.watch(&mut store, "9pfs").expect("watches");
    end.wait_for(&mut store, XenbusStateInitWait, None).expect("a back end");
    let limits = Limits::of_other(&end, &mut store).expect("what the back end takes");
    println!("files allow rings: {}, order {}", limits.rings > 0, limits.order);
    let order = limits.order.min(ORDER);

    let pages: Vec<Page<'_>> =
        (0..1 + (1 << order)).map(|_| table::grant(table, machine, back)).collect();
    let grants: Vec<_> = pages[1..].iter().map(|page| page.reference()).collect();
    Interface::write(pages[0].view(), &grants).expect("a power of two");
    let port = Port::alloc_unbound(machine.xen(), back).expect("a port");
    let ring = Ring { interface: pages[0].reference(), port: port.number() };
    setup::publish_frontend(&end, &mut store, &[ring]).expect("the ring");
    end.set_state(&mut store, XenbusStateInitialised).expect("the state");
    end.wait_for(&mut store, XenbusStateConnected, None).expect("a connection");
    end.set_state(&mut store, XenbusStateConnected).expect("the state");

    let views: Vec<View<'_, ReadWrite>> = pages.iter().map(|page| page.view()).collect();
    let layout = flex::layout(flex::P9FS, order).expect("a small order");
    let stream = Stream::attach(views, layout).map_err(|failed| failed.error).expect("a stream");
    let stream = Blocking::new(stream, machine.channel(port.number()));
    let mut client = Client::new(stream, vec![0; 16 * PAGE_SIZE]).expect("9P2000.u");
    let root = client.attach("guest", "/").expect("the root");

    let given = client.walk(&root, &["given"]).expect("the file that dom0 has made");
    println!("files given {} bytes", client.stat(&given).expect("its length").length);
    client.clunk(given).expect("its end");
    println!("files missing {:?}", client.walk(&root, &["missing"]).map(drop));

    let content: Vec<u8> = (0..BYTES).map(|at| (at * 7 + at / 256) as u8).collect();
    let mut file = client.walk(&root, &[]).expect("the root again");
    client.create(&mut file, "made", 0o644, Mode::READ_WRITE).expect("a new file");
    let mut written = 0;
    while written < BYTES {
        written += client.write(&file, written as u64, &content[written..]).expect("a write");
    }
    client.clunk(file).expect("its end");
    let mut file = client.walk(&root, &["made"]).expect("the file");
    client.open(&mut file, Mode::READ).expect("the file");
    let (mut found, mut part) = (Vec::new(), vec![0; 30_000]);
    loop {
        let read = client.read(&file, found.len() as u64, &mut part).expect("a read");
        if read == 0 {
            break;
        }
        found.extend_from_slice(&part[..read]);
    }
    println!("files wrote and read {} bytes: {}", found.len(), found == content);
    client.clunk(file).expect("its end");
    println!("files removal {:?}", refusal(client.remove(root)));
    drop(client);

    end.set_state(&mut store, XenbusStateClosing).expect("the state");
    end.wait_for(&mut store, XenbusStateClosing, None).expect("the other end");
    end.set_state(&mut store, XenbusStateClosed).expect("the state");
    println!("files closed");
}

/// Whether the server reported an error.
fn refusal<E>(result: Result<(), Error<E>>) -> bool {
    matches!(result, Err(Error::Server { .. }))
}
