//! Two domains share a page: one grants it, the other maps it, and each reads what the other
//! writes.
//!
//!     cargo run --example share_page

use std::error::Error;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;

use xen_ops::gnttab::RemoteGrant;
use xen_ops::gnttab::map::Mapping;
use xen_ops::gnttab::retry::NoRetry;
use xen_ops::gnttab::{AllocHint, DomainId, Granted};
use xen_ops::view::ReadWrite;
use xen_sim::{DomainConfig, GuestKind, TableMemory, Xen};

/// Where the words are: one to say hello with, one for the answer.
const HELLO: usize = 0;
const ANSWER: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    // A machine with two guests. On a real one, each would be a program of its own.
    let xen = Xen::new();
    let alice = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
    let bob = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
    println!("alice is domain {}, bob is domain {}", alice.domid().0, bob.domid().0);

    // Alice grants a page to Bob. From now on the grant owns the page.
    let mut storage = TableMemory::new(64, 16);
    let table = alice.grant_table(&mut storage, Default::default())?;
    let mut cursor = AllocHint::default();
    let to_bob = DomainId::new(bob.domid())?;
    let granted: Granted<'_, _, ReadWrite> = table.grant_new(&mut cursor, to_bob, &alice)?;
    println!("alice: granted a page to bob as reference {}", granted.reference().0);

    // Bob needs the reference.
    let grant = RemoteGrant::new(DomainId::new(alice.domid())?, granted.reference());
    thread::scope(|scope| {
        scope.spawn(|| {
            let mapping = Mapping::<_, _, ReadWrite>::new(&bob, grant, bob.target(), &mut NoRetry)
                .expect("alice granted it");
            println!("bob:   mapped {grant}");
            let page = mapping.view();
            while page.load::<u32>(HELLO, Acquire) != Ok(1) {
                thread::yield_now();
            }
            println!("bob:   read 1, answer 2");
            page.store::<u32>(ANSWER, 2, Release).expect("inside the page");
            // Dropping the mapping unmaps the frame.
        });

        let page = granted.view();
        page.store::<u32>(HELLO, 1, Release).expect("inside the page");
        while page.load::<u32>(ANSWER, Acquire) != Ok(2) {
            thread::yield_now();
        }
        println!("alice: read 2");
    });

    // Alice gets the page back only if Bob does not map it any more.
    match granted.revoke() {
        Ok((_reference, _page)) => println!("alice: I have the page again"),
        Err(revoking) => println!("alice: {revoking}"),
    }
    Ok(())
}
