//! What the programs share: each performs the operation with a given name, if its library has it.

use std::fmt::Display;

/// The domain whose grants are mapped and copied.
pub const PEER: u16 = 1;
/// The first of their references; the others follow.
pub const FIRST: u32 = 16;
/// How many a batch has.
pub const BATCH: usize = 16;

/// Frames of the other domain from here on do not exist.
pub const HOLES: u64 = 1 << 20;

/// Performs an operation once, and then again in a window with its name. Prints the result.
pub fn run<E: Display>(name: &str, operation: impl Fn() -> Result<(), E>) {
    // If it fails here, it fails in the window too, where it counts.
    let _ = operation();
    match xen_devices::window(name, operation) {
        Ok(()) => println!("done"),
        Err(error) => println!("{error}"),
    }
}

/// The requested operation: the program's first argument.
#[must_use]
pub fn wanted() -> String {
    std::env::args().nth(1).unwrap_or_default()
}
