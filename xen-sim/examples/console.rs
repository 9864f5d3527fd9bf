//! A guest's second console, on which both sides agree through xenstore: the guest prints and reads a line,
//! the console daemon's side answers.
//!
//!     cargo run --example console

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::thread;
use std::time::Duration;

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::grant_table::grant_ref_t;
use xen_abi::io::xenbus::{XenbusStateConnected, XenbusStateInitWait, XenbusStateInitialised};
use xen_io::stream::{Blocking, Stream, console};
use xen_io::xenbus::toolstack::Device;
use xen_io::xenbus::{End, Key};
use xen_ops::events::Port;
use xen_ops::{DomainId, Mapping, ReadWrite, RemoteGrant};
use xen_sim::{Channel, Domain, DomainConfig, GuestKind, TableMemory, Xen};

/// What the guest publishes.
const RING_REF: Key<u32> = Key::new("ring-ref");
const PORT: Key<u32> = Key::new("port");
/// How long an end waits for the other.
const TIMEOUT: Option<Duration> = Some(Duration::from_secs(60));

type AnyError = Box<dyn Error + Send + Sync>;

/// The console daemon: waits for the prompt, types an answer, and returns what the guest wrote.
fn daemon(domain: &Domain, guest: DomainId) -> Result<String, AnyError> {
    let mut store = domain.xenstore()?;
    let end = End::backend(&mut store, "console", guest, 1)?;
    end.watch(&mut store, "console-1")?;
    end.set_state(&mut store, XenbusStateInitWait)?;
    end.wait_for(&mut store, XenbusStateInitialised, TIMEOUT)?.ok_or("no front end")?;
    let port = evtchn_port_t(end.require(&mut store, PORT)?);
    let remote = RemoteGrant::new(guest, grant_ref_t(end.require(&mut store, RING_REF)?));
    let port = Port::bind_interdomain(domain, guest, port)?;
    let mapping = Mapping::new(domain, remote, domain.target(), ReadWrite)?;
    end.set_state(&mut store, XenbusStateConnected)?;

    let stream = Stream::attach(mapping, console::BACK).map_err(|failed| failed.error)?;
    let mut console = Blocking::new(stream, Channel::of(domain, &port));
    let mut output = Vec::new();
    while !output.ends_with(b"login: ") {
        let mut buffer = [0; 100];
        let read = Read::read(&mut console, &mut buffer)?;
        output.extend_from_slice(&buffer[..read]);
    }
    console.write_all(b"root\n")?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}

fn main() -> Result<(), AnyError> {
    let xen = Xen::builder().xenstore().build();
    let guest = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
    let server = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
    let (frontend, backend) = (guest.domid().into(), server.domid().into());
    let device = Device::new("console", 1, frontend, backend);
    xen.toolstack(|store| device.create(store, &[], &[])).ok_or("no xenstore")??;

    thread::scope(|scope| {
        let typist = scope.spawn(|| {
            let report = |error: &AnyError| eprintln!("the console daemon: {error}");
            daemon(&server, guest.domid()).inspect_err(report)
        });

        let mut store = guest.xenstore()?;
        let end = End::frontend(&mut store, "console", 1)?;
        let peer = DomainId::new(end.other_domain())?;
        end.watch(&mut store, "console-1")?;
        end.wait_for(&mut store, XenbusStateInitWait, TIMEOUT)?.ok_or("no back end")?;
        let mut storage = TableMemory::new(64, 16);
        let table = guest.grant_table(&mut storage, Default::default())?;
        let page = table.grant_zeroed(peer, &guest, ReadWrite)?;
        let port = Port::alloc_unbound(&guest, peer)?;
        end.publish(&mut store, RING_REF, page.reference().0)?;
        end.publish(&mut store, PORT, port.number().0)?;
        end.set_state(&mut store, XenbusStateInitialised)?;
        end.wait_for(&mut store, XenbusStateConnected, TIMEOUT)?.ok_or("no back end")?;
        end.set_state(&mut store, XenbusStateConnected)?;

        let stream = Stream::attach(page, console::FRONT).map_err(|failed| failed.error)?;
        let mut console = Blocking::new(stream, Channel::of(&guest, &port));
        // More than the ring holds: the guest waits for the daemon.
        for line in 1..=200 {
            writeln!(console, "[{line:5}] the guest boots")?;
        }
        write!(console, "login: ")?;
        let mut line = String::new();
        BufReader::new(&mut console).read_line(&mut line)?;

        let output = typist.join().map_err(|_| "the console daemon panicked")??;
        println!("the console daemon received {} lines and a prompt", output.lines().count() - 1);
        println!("the guest received {line:?}");
        let page = console.into_parts().0.detach();
        let (_reference, _page) = page.revoke().map_err(|revoking| revoking.to_string())?;
        Ok(())
    })
}
