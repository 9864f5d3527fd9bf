//! What the programs have in common: each does an operation of that name, if its library has it.

use std::fmt::Display;

/// The grants that are mapped and copied: domain, and the first of them.
pub const PEER: u16 = 1;
/// The first reference; the others follow.
pub const FIRST: u32 = 16;
/// How many a batch has.
pub const BATCH: usize = 16;

/// Frames of the other domain from here on do not exist.
pub const HOLES: u64 = 1 << 20;

/// Does an operation once, and then again in a window of its name. Says what came of it.
pub fn run<E: Display>(name: &str, operation: impl Fn() -> Result<(), E>) {
    // A library whose every attempt fails is to be seen failing in the window too.
    let _ = operation();
    match xen_devices::window(name, operation) {
        Ok(()) => println!("done"),
        Err(error) => println!("{error}"),
    }
}

/// The operation that is wanted: the program's first argument.
#[must_use]
pub fn wanted() -> String {
    std::env::args().nth(1).unwrap_or_default()
}
