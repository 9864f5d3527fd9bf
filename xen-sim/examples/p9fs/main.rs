//! A file system between two domains: the guest creates a file, writes it, and reads it back. The other domain
//! serves it from memory.
//!
//!     cargo run --example p9fs

mod server;

use std::error::Error;
use std::thread;
use std::time::Duration;

use server::{MAX_MESSAGE, Server};
use xen_abi::io::xenbus::{
    XenbusStateClosed, XenbusStateClosing, XenbusStateConnected, XenbusStateInitWait,
    XenbusStateInitialised,
};
use xen_io::p9fs::setup::{self, Limits, Ring};
use xen_io::p9fs::{self, Client, Mode};
use xen_io::stream::flex::{self, Interface};
use xen_io::stream::{Blocking, Stream};
use xen_io::xenbus::End;
use xen_io::xenbus::toolstack::Device;
use xen_ops::events::Port;
use xen_ops::page::PAGE_SIZE;
use xen_ops::{DomainId, Mapping, ReadWrite, RemoteGrant, View};
use xen_sim::{Channel, Domain, DomainConfig, GuestKind, TableMemory, Xen};

/// Bytes of the file, and the order of the ring's number of pages: messages are longer than the ring.
const BYTES: usize = 100_000;
const ORDER: u32 = 1;
/// How long an end waits for the other.
const TIMEOUT: Option<Duration> = Some(Duration::from_secs(60));

type AnyError = Box<dyn Error + Send + Sync>;

/// The server: answers requests until the guest closes the device, and returns how many.
fn driver(domain: &Domain, guest: DomainId) -> Result<u32, AnyError> {
    let mut store = domain.xenstore()?;
    let end = End::backend(&mut store, "9pfs", guest, 0)?;
    end.watch(&mut store, "9pfs")?;
    let limits = Limits { rings: 1, order: 4 };
    limits.publish(&end, &mut store)?;
    end.set_state(&mut store, XenbusStateInitWait)?;
    end.wait_for(&mut store, XenbusStateInitialised, TIMEOUT)?.ok_or("no front end")?;
    let rings = setup::other_rings(&end, &mut store, limits)?;
    let [ring] = &rings[..] else { return Err("one ring was offered".into()) };

    let map = |grant| {
        let remote = RemoteGrant::new(guest, grant);
        Mapping::new(domain, remote, domain.target(), ReadWrite)
    };
    let interface = map(ring.interface)?;
    let parameters = Interface::read(interface.view())?;
    if parameters.order() > limits.order {
        return Err("the ring is larger than was allowed".into());
    }
    let mut pages = vec![interface];
    for grant in parameters.grants() {
        pages.push(map(grant)?);
    }
    let layout = flex::layout(flex::P9FS, parameters.order()).ok_or("a small order")?.reversed();
    let stream = Stream::attach(pages, layout).map_err(|failed| failed.error)?;
    let port = Port::bind_interdomain(domain, guest, ring.port)?;
    let mut stream = Blocking::new(stream, Channel::of(domain, &port));
    end.set_state(&mut store, XenbusStateConnected)?;

    let mut server = Server::default();
    let mut requests = 0;
    loop {
        let mut request = vec![0; 4];
        stream.read_exact(&mut request)?;
        let length = u32::from_le_bytes([request[0], request[1], request[2], request[3]]) as usize;
        // The guest says by a message without contents that it is done: this server's own rule.
        if !(7..=MAX_MESSAGE).contains(&length) {
            break;
        }
        request.resize(length, 0);
        stream.read_exact(&mut request[4..])?;
        stream.write_all(&server.reply(&request))?;
        requests += 1;
    }
    end.wait_for(&mut store, XenbusStateClosing, TIMEOUT)?;
    drop(stream);
    end.set_state(&mut store, XenbusStateClosed)?;
    Ok(requests)
}

/// The guest: connects, writes and reads, and closes the device.
fn guest(domain: &Domain) -> Result<(), AnyError> {
    let mut store = domain.xenstore()?;
    let end = End::frontend(&mut store, "9pfs", 0)?;
    let back = DomainId::new(end.other_domain())?;
    end.watch(&mut store, "9pfs")?;
    end.wait_for(&mut store, XenbusStateInitWait, TIMEOUT)?.ok_or("no back end")?;
    let order = Limits::of_other(&end, &mut store)?.order.min(ORDER);

    let mut memory = TableMemory::new(64, 16);
    let table = domain.grant_table(&mut memory, Default::default())?;
    let mut pages = Vec::new();
    for _ in 0..1 + (1 << order) {
        pages.push(table.grant_zeroed(back, domain, ReadWrite)?);
    }
    let [interface, data @ ..] = &pages[..] else { return Err("no pages".into()) };
    let grants: Vec<_> = data.iter().map(|page| page.reference()).collect();
    Interface::write(interface.view(), &grants)?;
    let port = Port::alloc_unbound(domain, back)?;
    let ring = Ring { interface: interface.reference(), port: port.number() };
    setup::publish_frontend(&end, &mut store, &[ring])?;
    end.set_state(&mut store, XenbusStateInitialised)?;
    end.wait_for(&mut store, XenbusStateConnected, TIMEOUT)?.ok_or("no back end")?;
    end.set_state(&mut store, XenbusStateConnected)?;

    let views: Vec<View<'_, ReadWrite>> = pages.iter().map(|page| page.view()).collect();
    let layout = flex::layout(flex::P9FS, order).ok_or("a small order")?;
    let stream = Stream::attach(views, layout).map_err(|failed| failed.error)?;
    let stream = Blocking::new(stream, Channel::of(domain, &port));
    let client = Client::new(stream, vec![0; 2 * PAGE_SIZE]);
    let mut client = client.map_err(|failed| failed.error)?;
    use_files(&mut client)?;
    let (mut stream, _) = client.into_parts();
    stream.write_all(&[0; 4])?;

    end.set_state(&mut store, XenbusStateClosing)?;
    end.wait_for(&mut store, XenbusStateClosed, TIMEOUT)?.ok_or("no back end")?;
    end.set_state(&mut store, XenbusStateClosed)?;
    drop(stream);
    for page in pages {
        let (_reference, _page) = page.revoke().map_err(|revoking| revoking.to_string())?;
    }
    Ok(())
}

type Files<'v> = Client<Blocked<'v>, Channel, Vec<u8>>;
type Blocked<'v> = Stream<Vec<View<'v, ReadWrite>>>;

fn use_files(client: &mut Files<'_>) -> Result<(), AnyError> {
    let content: Vec<u8> = (0..BYTES).map(|at| (at * 7 + at / 256) as u8).collect();
    let root = client.attach("guest", "")?;
    let mut file = client.walk(&root, &[])?;
    client.create(&mut file, "numbers", 0o644, Mode::READ_WRITE)?;
    let mut written = 0;
    while written < BYTES {
        written += client.write(&file, written as u64, &content[written..])?;
    }
    client.clunk(file)?;

    let mut file = client.walk(&root, &["numbers"])?;
    println!("the file has {} bytes", client.stat(&file)?.length);
    client.open(&mut file, Mode::READ)?;
    let mut found: Vec<u8> = Vec::new();
    let mut part = [0; 3000];
    loop {
        let read = client.read(&file, found.len() as u64, &mut part)?;
        if read == 0 {
            break;
        }
        found.extend(&part[..read]);
    }
    println!("what was read is what was written: {}", found == content);
    client.remove(file)?;
    match client.walk(&root, &["numbers"]) {
        Err(p9fs::Error::Server { errno: 2 }) => println!("the file is removed"),
        other => return Err(format!("a file that was removed: {other:?}").into()),
    }
    client.clunk(root)?;
    Ok(())
}

fn main() -> Result<(), AnyError> {
    let xen = Xen::builder().xenstore().build();
    let [front, back] = [
        xen.domain(DomainConfig::new(GuestKind::Pvh))?,
        xen.domain(DomainConfig::new(GuestKind::Pvh))?,
    ];
    let (frontend, backend) = (front.domid().into(), back.domid().into());
    let device = Device::new("9pfs", 0, frontend, backend);
    xen.toolstack(|store| device.create(store, &[("tag", "example")], &[]))
        .ok_or("no xenstore")??;
    thread::scope(|scope| {
        let driver = scope.spawn(|| {
            let report = |error: &AnyError| eprintln!("the server: {error}");
            driver(&back, front.domid()).inspect_err(report)
        });
        guest(&front)?;
        let requests = driver.join().map_err(|_| "the server panicked")??;
        println!("the server answered {requests} requests");
        Ok::<_, AnyError>(())
    })?;
    xen.check_invariants()?;
    Ok(())
}
