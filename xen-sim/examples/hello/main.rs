//! The example that the README begins with.
//!
//!     cargo run --example hello

use xen_ops::{Page, RemoteGrant};
use xen_sim::{DomainConfig, GuestKind, TableMemory, Xen};

mod share;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let xen = Xen::new();
    let alice = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
    let bob = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
    let mut storage = TableMemory::new(64, 16);
    let table = alice.grant_table(&mut storage, Default::default())?;
    let page = alice.page().ok_or("no page")?;

    // Bob learns domain and reference, through xenstore for example.
    let granted = share::grant(&table, bob.domid(), page)?;
    let remote = RemoteGrant::new(alice.domid(), granted.reference());
    let mapping = share::map(&bob, remote, bob.target())?;

    let page = share::take_back(granted, |revoking| {
        println!("{revoking}"); // grant 8: the peer still uses the grant: end it again later, ...
        drop(mapping);
    })?;
    assert_eq!(&page.view().at(share::GREETING).read(), b"hello, you");
    Ok(())
}
