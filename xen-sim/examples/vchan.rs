//! A vchan between two domains: the server echoes what the client writes.
//!
//!     cargo run --example vchan

use std::error::Error;
use std::io::Read;
use std::thread;
use std::time::Duration;

use xen_io::stream::vchan::{Offer, Orders};
use xen_io::stream::{Blocking, Vchan};
use xen_io::xenstore::Store;
use xen_ops::events::Port;
use xen_ops::{DomainId, Mapping, ReadWrite, RemoteGrant};
use xen_sim::{Channel, Domain, DomainConfig, GuestKind, TableMemory, Xen};

/// Bytes that go there and back.
const BYTES: usize = 1 << 20;
/// Where the server is found, in its own directory.
const PATH: &str = "data/echo";

type AnyError = Box<dyn Error + Send + Sync>;

/// Echoes until the client leaves, and returns how many bytes it was.
fn server(domain: &Domain, client: DomainId) -> Result<usize, AnyError> {
    // The client writes to a ring inside the interface page, the server to one of two pages.
    let orders = Orders { left: 10, right: 13 };
    let mut memory = TableMemory::new(64, 16);
    let table = domain.grant_table(&mut memory, Default::default())?;
    let mut pages = Vec::new();
    for _ in 0..1 + orders.pages().iter().sum::<usize>() {
        pages.push(table.grant_zeroed(client, domain, ReadWrite)?);
    }
    let [interface, rings @ ..] = &pages[..] else { return Err("no pages".into()) };
    let ring = interface.reference();
    let grants: Vec<_> = rings.iter().map(|page| page.reference()).collect();
    if !orders.write_grants(interface, &grants) {
        return Err("the grants do not fit".into());
    }
    let vchan = Vchan::server(pages, orders).map_err(|failed| failed.error)?;
    let port = Port::alloc_unbound(domain, client)?;

    // The client may come from now on.
    let mut store = domain.xenstore()?;
    Offer { ring, port: port.number() }.publish(&mut store, PATH, client)?;
    let mut stream = Blocking::new(vchan, Channel::of(domain, &port));
    let mut bytes = 0;
    let mut buffer = [0; 700];
    loop {
        let read = Read::read(&mut stream, &mut buffer)?;
        if read == 0 {
            break;
        }
        stream.write_all(&buffer[..read])?;
        bytes += read;
    }
    store.remove(PATH)?;
    for page in stream.into_parts().0.close() {
        let (_reference, _page) = page.revoke().map_err(|revoking| revoking.to_string())?;
    }
    Ok(bytes)
}

/// Writes, and reads the same.
fn client(domain: &Domain, server: DomainId) -> Result<(), AnyError> {
    let mut store = domain.xenstore()?;
    let path = format!("/local/domain/{}/{PATH}", server.domid().0);
    let offer = Offer::wait(&mut store, &path, Some(Duration::from_secs(60)))?;
    let offer = offer.ok_or("there is no server")?;
    let map = |grant| {
        let remote = RemoteGrant::new(server, grant);
        Mapping::new(domain, remote, domain.target(), ReadWrite)
    };
    // The orders and grants in the interface page are read once.
    let interface = map(offer.ring)?;
    let orders = Orders::read(&interface)?;
    let grants: Vec<_> = orders.grants(&interface).collect();
    let mut pages = vec![interface];
    for grant in grants {
        pages.push(map(grant)?);
    }
    println!("the rings have {} and {} bytes", 1 << orders.left, 1 << orders.right);
    let port = Port::bind_interdomain(domain, server, offer.port)?;
    let events = Channel::of(domain, &port);
    let vchan = Vchan::client(pages, orders).map_err(|failed| failed.error)?;
    let mut stream = Blocking::new(vchan, events.clone());

    let mut seed = 1_u32;
    let mut left = BYTES;
    while left > 0 {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let size = (seed as usize >> 8) % 3000 % left + 1;
        let sent: Vec<u8> = (0..size).map(|at| (at as u32 ^ seed) as u8).collect();
        let mut received = vec![0; size];
        stream.write_all(&sent)?;
        stream.read_exact(&mut received)?;
        if sent != received {
            return Err("the echo differs".into());
        }
        left -= size;
    }
    drop(stream.into_parts().0.close());
    // The server may wait for data.
    xen_io::EventChannel::notify(&events)?;
    println!("{BYTES} bytes came back as they were");
    Ok(())
}

fn main() -> Result<(), AnyError> {
    let xen = Xen::builder().xenstore().build();
    let [left, right] = [
        xen.domain(DomainConfig::new(GuestKind::Pvh))?,
        xen.domain(DomainConfig::new(GuestKind::Pv))?,
    ];
    thread::scope(|scope| {
        let echo = scope.spawn(|| server(&right, left.domid()));
        client(&left, right.domid())?;
        let bytes = echo.join().map_err(|_| "the server panicked")??;
        println!("the server echoed {bytes} bytes, and its pages are its own again");
        Ok::<_, AnyError>(())
    })?;
    xen.check_invariants()?;
    Ok(())
}
