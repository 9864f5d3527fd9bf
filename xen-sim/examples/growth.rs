//! A grant table grows while references are allocated, fails at its limit, and allocates again once a
//! reference is freed.
//!
//!     cargo run --example growth

use std::error::Error;
use std::task::Waker;

use xen_ops::gnttab::AllocError;
use xen_sim::{DomainConfig, GuestKind, TableMemory, Xen};

fn main() -> Result<(), Box<dyn Error>> {
    let xen = Xen::new();
    let guest = xen.domain(DomainConfig::new(GuestKind::Pvh).max_grant_frames(4))?;
    let mut storage = TableMemory::new(64, 16);
    let table = guest.grant_table(&mut storage, Default::default())?;
    println!("{} frame, at most {}", table.frames(), table.max_frames());

    let mut references = Vec::new();
    let mut frames = table.frames();
    let error = loop {
        match table.alloc() {
            Ok(reference) => references.push(reference),
            Err(error) => break error,
        }
        if table.frames() > frames {
            frames = table.frames();
            println!("after {:4} references: {frames} frames", references.len() - 1);
        }
    };
    println!("after {:4} references: {error}", references.len());
    assert_eq!(error, AllocError::Exhausted { frames: 4 });

    // A waiter registers a waker, which is called when a reference is freed.
    let mut waiter = table.waiter(1)?;
    println!("one is free: {}", waiter.is_ready(Waker::noop()));
    references.pop();
    println!("one is free: {}", waiter.is_ready(Waker::noop()));
    println!("that one is {}", table.alloc()?.reference().0);
    Ok(())
}
