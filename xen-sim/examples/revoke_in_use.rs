//! A page is not to be had back while the peer maps it: not by revoking, nor by dropping. The reaper
//! takes it when it can.
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

    // One step, with one of two results. There is no way to get at the page but the good one.
    let Err(revoking) = granted.revoke() else { return Err("the peer has it mapped".into()) };
    println!("revoke: {revoking}");

    // Dropping gives up neither page nor reference: both go to the reaper.
    drop(revoking);
    println!("dropped: {:?}", table.deferred());
    println!("reaper, while it is mapped: {:?}", table.reap(32));

    drop(mapping);
    println!("the peer is done with it");
    println!("reaper, afterwards: {:?}", table.reap(32));
    println!("at last: {:?}", table.deferred());
    Ok(())
}
