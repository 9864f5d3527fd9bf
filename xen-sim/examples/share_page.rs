//! Two domains share a page: one grants it, the other maps it, and each sees what the other writes.
//!
//!     cargo run --example share_page

use std::error::Error;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;

use xen_ops::view::Field;
use xen_ops::{Mapping, ReadWrite, RemoteGrant};
use xen_sim::{DomainConfig, GuestKind, TableMemory, Xen};

/// A word to say hello with, and one for the answer.
const HELLO: Field<u32> = Field::at::<0>();
const ANSWER: Field<u32> = Field::at::<64>();

fn main() -> Result<(), Box<dyn Error>> {
    // A machine with two guests. On a real one, each would be a program of its own.
    let xen = Xen::new();
    let alice = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
    let bob = xen.domain(DomainConfig::new(GuestKind::Pvh))?;
    println!("alice is {}, bob is {}", alice.domid(), bob.domid());

    // Alice grants a page to Bob. The grant owns the page from now on.
    let mut storage = TableMemory::new(64, 16);
    let table = alice.grant_table(&mut storage, Default::default())?;
    let granted = table.grant_zeroed(bob.domid(), &alice, ReadWrite)?;
    println!("alice: granted a page to bob as reference {}", granted.reference().0);

    // Bob needs to learn the number only.
    let remote = RemoteGrant::new(alice.domid(), granted.reference());
    thread::scope(|scope| {
        scope.spawn(|| {
            let mapping =
                Mapping::new(&bob, remote, bob.target(), ReadWrite).expect("alice granted it");
            println!("bob:   mapped {remote}");
            let page = mapping.view();
            while page.at(HELLO).load(Acquire) != 1 {
                thread::yield_now();
            }
            println!("bob:   read 1, answer 2");
            page.at(ANSWER).store(2, Release);
            // Dropping the mapping unmaps the frame.
        });

        let page = granted.view();
        page.at(HELLO).store(1, Release);
        while page.at(ANSWER).load(Acquire) != 2 {
            thread::yield_now();
        }
        println!("alice: read 2");
    });

    // Revoking returns the page, since Bob no longer uses it.
    match granted.revoke() {
        Ok((_reference, _page)) => println!("alice: the page is mine again"),
        Err(revoking) => println!("alice: {revoking}"),
    }
    Ok(())
}
