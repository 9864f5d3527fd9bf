//! Our ends of rings with upstream's macros at the other end.
#![cfg(feature = "headers")]
#![allow(unsafe_code, reason = "C is called")]

mod layout;
mod requests;
mod streams;

use std::path::Path;
use std::sync::OnceLock;

use xen_rings::Peer;

/// The other end, compiled once.
fn peer() -> &'static Peer {
    static PEER: OnceLock<Peer> = OnceLock::new();
    PEER.get_or_init(|| {
        Peer::compile(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap_or_else(|e| panic!("{e}"))
    })
}
