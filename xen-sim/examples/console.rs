//! A guest's console: the guest prints and reads a line, the console daemon's side answers.
//!
//!     cargo run --example console

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::thread;

use xen_io::stream::{Blocking, Stream, console};
use xen_ops::events::Port;
use xen_ops::{Mapping, ReadWrite, RemoteGrant};
use xen_sim::{Channel, DomainConfig, GuestKind, TableMemory, Xen};

type AnyError = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), AnyError> {
    let xen = Xen::new();
    let guest = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
    let daemon = xen.domain(DomainConfig::new(GuestKind::Pvh))?;

    // The page of the console, and its event channel. On a real machine the toolstack makes both.
    let mut storage = TableMemory::new(64, 16);
    let table = guest.grant_table(&mut storage, Default::default())?;
    let page = table.grant_zeroed(daemon.domid(), &guest, ReadWrite)?;
    let remote = RemoteGrant::new(guest.domid(), page.reference());
    let port = Port::alloc_unbound(guest.clone(), daemon.domid())?;
    let number = port.number();

    thread::scope(|scope| {
        let typist = scope.spawn(|| -> Result<String, AnyError> {
            let port = Port::bind_interdomain(daemon.clone(), guest.domid(), number)?;
            let mapping = Mapping::new(&daemon, remote, daemon.target(), ReadWrite)?;
            let stream = Stream::attach(mapping, console::BACK).map_err(|failed| failed.error)?;
            let mut console = Blocking::new(stream, Channel::new(&daemon, port));
            // Waits for the prompt, and types an answer.
            let mut output = Vec::new();
            while !output.ends_with(b"login: ") {
                let mut buffer = [0; 100];
                let read = Read::read(&mut console, &mut buffer)?;
                output.extend_from_slice(&buffer[..read]);
            }
            console.write_all(b"root\n")?;
            Ok(String::from_utf8_lossy(&output).into_owned())
        });

        let stream = Stream::attach(page, console::FRONT).map_err(|failed| failed.error)?;
        let mut console = Blocking::new(stream, Channel::new(&guest, port));
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
