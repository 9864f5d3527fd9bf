//! The example that the README begins with.
//!
//!     cargo run --example hello

use xen_model::{Config, Kind, Storage, Xen};
use xen_ops::gnttab::foreign::Foreign;
use xen_ops::gnttab::map::Mapping;
use xen_ops::gnttab::retry::Never;
use xen_ops::gnttab::{Cursor, Granted, Peer};
use xen_ops::view::ReadWrite;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let xen = Xen::new();
    let alice = xen.domain(Config::new(Kind::Pvh))?;
    let bob = xen.domain(Config::new(Kind::Pvh))?;

    // Alice lends a cleared page to Bob. From now on the page belongs to the grant.
    let mut storage = Storage::new(64, 16);
    let table = alice.grant_table(&mut storage, Default::default())?;
    let to_bob = Peer::new(bob.domid())?;
    let granted: Granted<'_, _, ReadWrite> =
        table.grant_new(&mut Cursor::default(), to_bob, &alice)?;
    granted.view().write(0, b"hello, bob")?;

    // The reference is all that Bob must be told.
    let grant = Foreign::new(Peer::new(alice.domid())?, granted.reference());
    let mapping = Mapping::<_, _, ReadWrite>::new(bob.clone(), grant, bob.target(), &mut Never)
        .map_err(|error| error.reason)?;
    mapping.view().write(7, b"you")?;

    // While Bob maps the page, nobody gets it back. Afterwards it is Alice's again.
    let revoking = granted.revoke().expect_err("bob maps it");
    println!("{revoking}"); // grant 8: the peer still uses the grant: end it again later, ...
    drop(mapping);
    let (_reference, _page) = revoking.retry().expect("bob is done with it");
    Ok(())
}
