//! The example that the README begins with.
//!
//!     cargo run --example hello

use xen_ops::gnttab::RemoteGrant;
use xen_ops::gnttab::map::Mapping;
use xen_ops::gnttab::retry::NoRetry;
use xen_ops::gnttab::{AllocHint, DomainId, Granted};
use xen_ops::view::ReadWrite;
use xen_sim::{DomainConfig, GuestKind, TableMemory, Xen};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let xen = Xen::new();
    let alice = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
    let bob = xen.domain(DomainConfig::new(GuestKind::Pvh))?;

    // Alice grants a cleared page to Bob. From now on the grant owns the page.
    let mut storage = TableMemory::new(64, 16);
    let table = alice.grant_table(&mut storage, Default::default())?;
    let to_bob = DomainId::new(bob.domid())?;
    let granted: Granted<'_, _, ReadWrite> =
        table.grant_new(&mut AllocHint::default(), to_bob, &alice)?;
    granted.view().write(0, b"hello, bob")?;

    // Bob needs the reference.
    let grant = RemoteGrant::new(DomainId::new(alice.domid())?, granted.reference());
    let mapping = Mapping::<_, _, ReadWrite>::new(bob.clone(), grant, bob.target(), &mut NoRetry)
        .map_err(|error| error.reason)?;
    mapping.view().write(7, b"you")?;

    // Alice gets the page back only after Bob has unmapped it.
    let revoking = granted.revoke().expect_err("bob maps it");
    println!("{revoking}"); // grant 8: the peer still uses the grant: end it again later, ...
    drop(mapping);
    let (_reference, _page) = revoking.retry().expect("bob has unmapped it");
    Ok(())
}
