//! Every interleaving of the protocols that several CPUs run on the same words: `cargo xtask loom`.
//!
//! The functions are the ones that the grant table runs. What they protect is a cell of loom's, which
//! notices when two threads get at it without an order between them. Each ordering that a protocol
//! needs is weakened once, and then loom must find what goes wrong.

mod cache;
mod collisions;
mod entries;
mod fifo;
mod reaper;
mod references;
mod two_level;
mod wake;

use loom::cell::UnsafeCell;

/// Memory that one thread may touch at a time.
#[derive(Debug)]
struct Page(UnsafeCell<u32>);

// SAFETY: loom checks each access.
#[allow(unsafe_code, reason = "loom checks each access")]
unsafe impl Sync for Page {}

impl Page {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    /// Writes a value, and gives the one of before.
    #[allow(unsafe_code, reason = "loom checks each access")]
    fn replace(&self, value: u32) -> u32 {
        // SAFETY: loom checks that no other thread is at it.
        self.0.with_mut(|page| unsafe { page.replace(value) })
    }
}
