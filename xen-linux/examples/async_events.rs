//! Waits for the events of one port on tokio's event loop, and answers each.
//!
//!     cargo run -p xen-linux --example async_events -- DOMAIN
//!
//! It prints the port that the other domain binds to. The descriptor is all that an event loop needs, so
//! mio, async-io and the like work in the same way.

#![allow(unsafe_code, reason = "tokio cannot check that a descriptor stays open")]

use std::error::Error;
use std::io;
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use xen_linux::{DomainId, PortSet, domid_t, evtchn_port_t};

fn main() -> Result<(), Box<dyn Error>> {
    let domain = std::env::args().nth(1).ok_or("which domain? give its number")?.parse()?;
    let mut ports = PortSet::open()?;
    let port = ports.bind_unbound(DomainId::new(domid_t(domain))?, "peer")?;
    println!("port {port}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        // SAFETY: the set owns its descriptor, and neither replaces nor closes it before it is dropped.
        let mut ports = unsafe { AsyncFd::register(ports) }.map_err(io::Error::from)?;
        loop {
            answer(&mut ports).await?;
        }
    })
}

/// Waits until ports have events, and sends one back to each.
async fn answer(ports: &mut AsyncFd<PortSet<&str>>) -> Result<(), Box<dyn Error>> {
    let mut ready = ports.readable_mut().await?;
    while let Some(port) = next(ready.get_inner_mut())? {
        let ports = ready.get_inner();
        ports.unmask(port)?;
        ports.notify(port)?;
        println!("event from {}", ports.get(port).unwrap_or(&"nowhere"));
    }
    // All events are read: the next wait is for a new one.
    ready.clear_ready();
    Ok(())
}

/// The next event that is there already. The device is non-blocking, and so is this.
fn next(ports: &mut PortSet<&str>) -> Result<Option<evtchn_port_t>, xen_linux::Error> {
    ports.wait(Some(Duration::ZERO))
}
