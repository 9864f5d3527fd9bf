//! A guest with a hostile other side, whose actions arbitrary bytes decide.
//!
//! [`hypervisor`] answers hypercalls with any results, statuses and numbers, and changes the in-use bits of
//! the grant table. [`peer`] writes anything into a shared page. Both perform all operations of a guest and
//! stop at the first broken invariant: nothing panics, nothing that may be in use is reused, and no memory
//! is accessed by a side that does not own it. Under a sanitizer or Miri they find undefined behaviour too.
//!
//! [`rings`] is the same peer at the other end of the rings and streams of xen-io, [`drivers`] at the other end
//! of its block and network devices. [`xenstore`] has clients that send anything to its xenstore server, and a
//! server that answers anything.
//!
//! The tests run them with random bytes; `cargo xtask fuzz` runs libFuzzer.

mod bytes;
mod drivers;
mod guest;
mod hostile;
mod peer;
mod rings;
mod xenstore;

pub use drivers::drivers;
pub use guest::hypervisor;
pub use peer::peer;
pub use rings::rings;
pub use xenstore::xenstore;
