//! What Xen and the vCPUs do to the bits of ports, and to the table of their vCPUs, at the same time.
//!
//! Xen sets a port's pending bit, and announces the event to one vCPU unless the port is masked. Other
//! vCPUs see the bit too, and leave it.

use core::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed, SeqCst};
#[cfg(not(loom))]
use core::sync::atomic::fence;

#[cfg(loom)]
use loom::sync::atomic::fence;

use crate::events::shared_word::SharedWord;

/// Memory orderings. The defaults are the ones to use; the protocol takes them as a parameter so that
/// the tests can weaken one and show that it is needed.
pub trait Orders {
    /// Clearing a pending event: what the sender wrote before the event is visible to the handler.
    const TAKE: Ordering = AcqRel;
    /// Between unmasking a port and looking at its pending bit: see [`unmask`].
    const UNMASK: Ordering = SeqCst;
}

/// The orderings to use.
#[derive(Clone, Copy, Debug)]
pub enum Proven {}

impl Orders for Proven {}

/// The bits that are pending and not masked: those to be [taken](take).
#[inline]
pub fn active<W: SharedWord>(pending: W, mask: W) -> u32 {
    pending.load(Relaxed) & !mask.load(Relaxed)
}

/// Whether a port whose pending bit was seen belongs to `vcpu`.
///
/// A vCPU that does not see yet that the port was assigned to it is interrupted again: the one that assigns it
/// then unmasks the port, and either sees the pending bit too and has Xen announce the event, or Xen does so
/// afterwards.
#[inline]
pub fn is_own<W: SharedWord>(owner: W, vcpu: u32) -> bool {
    owner.load(Relaxed) == vcpu
}

/// Clears a pending event, if there is one.
#[inline]
pub fn take<O: Orders, W: SharedWord>(pending: W, bit: u32) -> bool {
    pending.fetch_and(!bit, O::TAKE) & bit != 0
}

/// Masks a port. Returns whether it was masked.
#[inline]
pub fn mask<W: SharedWord>(mask: W, bit: u32) -> bool {
    mask.fetch_or(bit, AcqRel) & bit != 0
}

/// Unmasks a port that has no pending event. False if it has one: then the port is masked, and Xen must
/// unmask it, which announces the event.
#[inline]
pub fn unmask<O: Orders, W: SharedWord>(pending: W, mask: W, bit: u32) -> bool {
    mask.fetch_and(!bit, AcqRel);
    // Xen sets the pending bit and then looks at the mask: at least one side sees the other's change.
    fence(O::UNMASK);
    if pending.load(Acquire) & bit == 0 {
        return true;
    }
    // It was sent while the port was masked. Xen announces it only if it finds the mask.
    mask.fetch_or(bit, AcqRel);
    false
}
