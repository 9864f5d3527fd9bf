//! A toolstack and a guest talk through xenstore, all in one process.
//!
//!     cargo run -p xen-io --features std --example xenstore

use std::time::Duration;

use xen_io::xenstore::server::{Server, ServerConfig};
use xen_io::xenstore::{Client, Permission, Store};
use xen_ops::xen_abi::xen::domid_t;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut server = Server::new(ServerConfig::default());

    // The toolstack makes the directory of domain 3, in one transaction.
    let mut toolstack = Client::new(server.local(domid_t(0)));
    toolstack.transaction(|transaction| {
        transaction.write("/local/domain/3/name", "demo")?;
        for path in ["/local/domain/3", "/local/domain/3/name"] {
            transaction.set_permissions(path, &[Permission::none(domid_t(3))])?;
        }
        Ok(())
    })?;
    println!("toolstack: {:?}", toolstack.directory("/local/domain")?);
    drop(toolstack);

    // The guest's paths are relative to its directory.
    let mut guest = Client::new(server.local(domid_t(3)));
    println!("guest:     my name is {}", guest.read_string("name")?);
    guest.watch("control", "my-token")?;
    guest.write("control/shutdown", "poweroff")?;
    while let Some(event) = guest.wait_event(Some(Duration::ZERO))? {
        println!("guest:     {} changed", event.path());
    }
    let refused = guest.read("/local/domain/0/name").unwrap_err();
    println!("guest:     {refused}");
    Ok(())
}
