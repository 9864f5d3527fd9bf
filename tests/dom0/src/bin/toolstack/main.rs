//! xen-toolstack with a real hypervisor: what it finds out about the machine and its domains, and the life of a
//! domain, from its creation to its end.
//!
//! What it finds is written as lines of a subject, a name and a value. The test that boots it compares them.

#![allow(clippy::useless_conversion, reason = "64-bit members are a type of their own on x86_32")]

mod domain;
mod machine;
#[cfg(target_arch = "x86_64")]
mod model;
mod monitor;

use std::error::Error;
use std::fmt::Debug;

use xen_linux::Privcmd;
use xen_toolstack::{Detected, Toolstack};

fn main() -> Result<(), Box<dyn Error>> {
    let xen = Privcmd::open()?;
    println!("xen found {}", Detected::new(&xen)?);
    let toolstack = Toolstack::detect(&xen)?;
    println!("xen release {}", toolstack.release());
    machine::run(&toolstack)?;
    domain::run(&toolstack, &xen)
}

/// Writes a result: the value, or the error's own text.
fn answer<T: Debug>(what: &str, result: Result<T, xen_toolstack::Error>) {
    match result {
        Ok(value) => println!("{what} {value:?}"),
        Err(error) => println!("{what} refused: {error}"),
    }
}
