//! A page that the peer maps is returned neither by revoking nor by dropping. The reaper frees it when
//! the peer has unmapped it.
//!
//!     cargo run --example revoke_in_use

use std::error::Error;

use xen_ops::{Mapping, ReadOnly, RemoteGrant};
use xen_sim::{DomainConfig, GuestKind, TableMemory, Xen};

fn main() -> Result<(), Box<dyn Error>> {
    let xen = Xen::new();
    let owner = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
    let peer = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
    let mut storage = TableMemory::new(64, 16);
    let table = owner.grant_table(&mut storage, Default::default())?;

    let granted = table.grant_zeroed(peer.domid(), &owner, ReadOnly)?;
    let remote = RemoteGrant::new(owner.domid(), granted.reference());
    let mapping = Mapping::new(&peer, remote, peer.target(), ReadOnly)?;
    println!("{remote} is mapped");

    // Revoking is one step. Only its success returns the page.
    let Err(revoking) = granted.revoke() else { return Err("the peer has it mapped".into()) };
    println!("revoke: {revoking}");

    // Dropping frees neither the page nor the reference: both go to the reaper.
    drop(revoking);
    println!("dropped: {:?}", table.deferred());
    println!("reaper, while it is mapped: {:?}", table.reap(32));

    drop(mapping);
    println!("the peer has unmapped it");
    println!("reaper, afterwards: {:?}", table.reap(32));
    println!("in the end: {:?}", table.deferred());
    Ok(())
}
