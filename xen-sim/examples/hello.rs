//! The example that the README begins with.
//!
//!     cargo run --example hello

use xen_ops::{Mapping, Page, ReadWrite, RemoteGrant};
use xen_sim::{DomainConfig, GuestKind, TableMemory, Xen};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let xen = Xen::new();
    let alice = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
    let bob = xen.domain(DomainConfig::new(GuestKind::Pvh))?;

    // Alice grants a page to Bob. The grant owns the page from now on.
    let mut storage = TableMemory::new(64, 16);
    let table = alice.grant_table(&mut storage, Default::default())?;
    let page = alice.page().ok_or("no page")?;
    page.view().write(0, b"hello, bob")?;
    let granted = table.grant(bob.domid(), page, ReadWrite)?;

    // Bob learns the reference, through xenstore for example, and maps the page.
    let remote = RemoteGrant::new(alice.domid(), granted.reference());
    let mapping = Mapping::new(&bob, remote, bob.target(), ReadWrite)?;
    mapping.view().write(7, b"you")?;

    // While Bob maps the page, Alice cannot take it back.
    let Err(revoking) = granted.revoke() else { return Err("bob maps the page".into()) };
    println!("{revoking}"); // grant 8: the peer still uses the grant: end it again later, ...
    drop(mapping);
    let Ok((_reference, page)) = revoking.retry() else { return Err("bob is done".into()) };
    assert_eq!(&page.view().read_obj::<[u8; 10]>(0)?, b"hello, you");
    Ok(())
}
