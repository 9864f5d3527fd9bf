//! Neither revoking nor dropping a grant returns its page while the peer maps it. The reaper frees
//! the page later.
//!
//!     cargo run --example revoke_in_use

use std::error::Error;

use xen_ops::gnttab::RemoteGrant;
use xen_ops::gnttab::map::Mapping;
use xen_ops::gnttab::retry::NoRetry;
use xen_ops::gnttab::{AllocHint, DomainId};
use xen_ops::view::ReadOnly;
use xen_sim::{DomainConfig, GuestKind, TableMemory, Xen};

fn main() -> Result<(), Box<dyn Error>> {
    let xen = Xen::new();
    let owner = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
    let peer = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
    let mut storage = TableMemory::new(64, 16);
    let table = owner.grant_table(&mut storage, Default::default())?;
    let mut cursor = AllocHint::default();

    let granted = table.grant_new::<ReadOnly>(&mut cursor, DomainId::new(peer.domid())?, &owner)?;
    let grant = RemoteGrant::new(DomainId::new(owner.domid())?, granted.reference());
    let mapping = Mapping::<_, _, ReadOnly>::new(&peer, grant, peer.target(), &mut NoRetry)?;
    println!("{grant} is mapped");

    // Only a revocation that succeeds returns the page.
    let Err(revoking) = granted.revoke() else { return Err("the peer has it mapped".into()) };
    println!("revoke: {revoking}");

    // Dropping frees neither page nor reference: the reaper gets both.
    drop(revoking);
    println!("dropped: {:?}", table.deferred());
    println!("reaper, while it is mapped: {:?}", table.reap(32));

    drop(mapping);
    println!("the peer has unmapped it");
    println!("reaper, afterwards: {:?}", table.reap(32));
    println!("in the end: {:?}", table.deferred());
    Ok(())
}
