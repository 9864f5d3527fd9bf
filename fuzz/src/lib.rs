//! What a guest lives through when the other side is hostile: arbitrary bytes say what that side does.
//!
//! [`hypervisor`] answers hypercalls with anything: results, statuses, numbers, and the in-use bits of
//! the grant table. [`peer`] writes anything into a page that it shares. Both go through the whole of
//! what a guest does and stop at the first promise that is broken: nothing panics, nothing that may
//! be in use is handed out again, and nobody touches what is not theirs. Run under a sanitizer or Miri
//! they see undefined behaviour too.
//!
//! The tests run both with random bytes; `cargo xtask fuzz` lets libFuzzer look for better ones.

mod bytes;
mod guest;
mod hostile;
mod peer;

pub use guest::hypervisor;
pub use peer::peer;
