//! The memory orderings of every protocol here, in one place.

use core::sync::atomic::Ordering::{self, AcqRel, Acquire, Release, SeqCst};

use super::sync::fence;

/// Memory orderings. The defaults are the ones to use; the protocols take them as a parameter so that
/// the tests can weaken one and show that it is needed.
pub trait Orders {
    /// An entry's header, when it is published or made writable: what the page and the entry's body
    /// hold is seen by whoever sees the header.
    const PUBLISH: Ordering = Release;
    /// The compare-and-swap that ends a version 1 grant: what the peer wrote is seen behind it.
    const END: Ordering = AcqRel;
    /// The status word, behind [`end_fence`](Self::end_fence): as [`END`](Self::END).
    const STATUS: Ordering = Acquire;
    /// An accept-transfer entry's header: the frame number is behind the completed bit.
    const TRANSFER: Ordering = Acquire;
    /// Taking a free reference: its last owner's accesses are in the past.
    const TAKE: Ordering = Acquire;
    /// Freeing a reference, and marking that someone waits: both give and take, see
    /// [`Refs`](super::bitmap::Refs).
    const FREE: Ordering = AcqRel;
    /// Filling a slot of the reaper: the page in it is seen by who empties it.
    const DEFER: Ordering = Release;
    /// Holding a slot of the reaper: as [`DEFER`](Self::DEFER).
    const HOLD: Ordering = Acquire;

    /// Between clearing a version 2 header and loading its status word. Xen has its own between
    /// setting the status word and looking at the header again: at least one side sees the other.
    #[inline]
    fn end_fence() {
        fence(SeqCst);
    }
}

/// The orderings to use.
#[derive(Clone, Copy, Debug)]
pub enum Proven {}

impl Orders for Proven {}
