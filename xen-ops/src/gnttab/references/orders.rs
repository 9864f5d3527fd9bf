//! The memory orderings of every protocol here, in one place.

use core::sync::atomic::Ordering::{self, AcqRel, Acquire, Release, SeqCst};

use super::sync::fence;

/// Memory orderings. The defaults are the ones to use; the protocols take them as a parameter so that
/// the tests can weaken one and show that it is needed.
///
/// Loom executes each read-modify-write on the newest value, so it cannot show what goes wrong if one
/// takes effect earlier than its place in the program. Where that is why an ordering is needed, a comment
/// says so.
pub trait Orders {
    /// Storing an entry's header, to publish it or to make it writable: Xen sees the page's contents and
    /// the entry's body if it sees the header.
    const PUBLISH: Ordering = Release;
    /// The compare-and-swap that ends a version 1 grant: what the peer wrote is visible after it. Nothing
    /// is published by it.
    const END: Ordering = Acquire;
    /// Loading the status word, after [`end_fence`](Self::end_fence): as [`END`](Self::END).
    const STATUS: Ordering = Acquire;
    /// Loading an accept-transfer entry's header: the frame number is visible if the completed bit is.
    const TRANSFER: Ordering = Acquire;
    /// Taking a free reference: the accesses of its last owner come before.
    const TAKE: Ordering = Acquire;
    /// Freeing references, and setting and clearing the mark of waiters.
    ///
    /// Release, because of [`TAKE`](Self::TAKE). Acquire, which loom cannot show: a thread that sees the
    /// mark then looks for wakers. It must find the one that was registered before the mark was set, so its
    /// access to the slot must not take effect before that registration.
    const FREE: Ordering = AcqRel;
    /// Filling a slot of the reaper: the page in it is visible to the thread that empties it.
    const DEFER: Ordering = Release;
    /// Holding a slot of the reaper: as [`DEFER`](Self::DEFER).
    const HOLD: Ordering = Acquire;

    /// Between clearing a version 2 header and loading its status word. Xen has a fence between setting
    /// the status word and loading the header again: at least one side sees the other's store.
    #[inline]
    fn end_fence() {
        fence(SeqCst);
    }
}

/// The orderings to use.
#[derive(Clone, Copy, Debug)]
pub enum Proven {}

impl Orders for Proven {}
