//! What Xen and the guest do to event words and control blocks at the same time.
//!
//! A port's event word holds its bits and the next port of its queue. Xen appends to a queue by the word of
//! its last port, as long as that is linked, and starts the queue anew by the control block otherwise. The
//! guest unlinks words from the front.

use core::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed};

use xen_abi::event_channel::{
    EVTCHN_FIFO_BUSY, EVTCHN_FIFO_LINK_MASK, EVTCHN_FIFO_LINKED, EVTCHN_FIFO_MASKED,
    EVTCHN_FIFO_MAX_QUEUES, EVTCHN_FIFO_PENDING,
};

pub use crate::events::shared_word::SharedWord;

pub(super) const PENDING: u32 = 1 << EVTCHN_FIFO_PENDING;
pub(super) const MASKED: u32 = 1 << EVTCHN_FIFO_MASKED;
const LINKED: u32 = 1 << EVTCHN_FIFO_LINKED;
const BUSY: u32 = 1 << EVTCHN_FIFO_BUSY;

const QUEUES: usize = EVTCHN_FIFO_MAX_QUEUES as usize;

/// How often a change of a word is tried while Xen changes it.
const TRIES: u32 = 64;

/// Memory orderings. The defaults are the ones to use; the protocol takes them as a parameter so that
/// the tests can weaken one and show that it is needed.
pub trait Orders {
    /// Taking the bits of the queues that are ready: the head that Xen stored before it set the bit is
    /// visible.
    const READY: Ordering = AcqRel;
    /// Clearing a pending event: what the sender wrote before the event is visible to the handler.
    const TAKE: Ordering = AcqRel;
    /// Unlinking a word. Acquire, because the pending bit of the next port was set before it was linked; loom,
    /// which executes a read-modify-write on the newest value, cannot show that.
    const UNLINK: Ordering = AcqRel;
}

/// The orderings to use.
#[derive(Clone, Copy, Debug)]
pub enum Proven {}

impl Orders for Proven {}

/// The queues of one vCPU, as far as it has followed them.
#[derive(Clone, Debug, Default)]
pub struct Queues {
    /// The queues that have events, one bit for each priority.
    ready: u32,
    /// The next port of each queue; 0 if it is in the control block.
    heads: [u32; QUEUES],
}

/// What comes next in the queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An event that was pending and not masked. It is cleared.
    Event(u32),
    /// A word without an event for the guest: it was taken already, or is masked.
    Nothing,
    /// A queue led to a port that has no word. The rest of that queue is dropped.
    Lost(u32),
    /// All queues are empty.
    End,
}

impl Queues {
    /// Goes on by one word, in the queue of the highest priority that has one. `head` is the control
    /// block's head of a priority, `word` the event word of a port.
    pub fn step<O: Orders, W: SharedWord>(
        &mut self,
        ready: W,
        head: impl FnOnce(usize) -> Option<W>,
        word: impl FnOnce(u32) -> Option<W>,
    ) -> Step {
        // Each time anew: an event of a higher priority comes before what is left of this one.
        self.ready |= ready.swap(0, O::READY);
        let priority = self.ready.trailing_zeros() as usize;
        let Some(own) = self.heads.get_mut(priority) else {
            // Bits beyond the queues mean nothing.
            self.ready = 0;
            return Step::End;
        };
        let port = match *own {
            0 => head(priority).map_or(0, |head| head.load(Relaxed)),
            port => port,
        };
        let Some(word) = Some(port).filter(|port| *port != 0).and_then(word) else {
            self.ready &= !(1 << priority);
            *own = 0;
            return if port == 0 { Step::Nothing } else { Step::Lost(port) };
        };
        let old = unlink::<O, W>(word);
        // Of a word that is in no queue the link means nothing.
        *own = if old & LINKED == 0 { 0 } else { old & EVTCHN_FIFO_LINK_MASK };
        if *own == 0 {
            self.ready &= !(1 << priority);
        }
        let is_event = old & PENDING != 0 && old & MASKED == 0;
        if is_event && take::<O, W>(word) { Step::Event(port) } else { Step::Nothing }
    }
}

/// Takes a word out of its queue. Returns what it was.
fn unlink<O: Orders, W: SharedWord>(word: W) -> u32 {
    let mut old = word.load(Relaxed);
    for _ in 0..TRIES {
        if word.replace(old, old & !(LINKED | EVTCHN_FIFO_LINK_MASK), O::UNLINK) {
            return old;
        }
        old = word.load(Relaxed);
    }
    // Xen changes a word a few times at most while it is linked. A word that never rests loses its link.
    word.fetch_and(!(LINKED | EVTCHN_FIFO_LINK_MASK), O::UNLINK)
}

/// Clears a pending event, if there is one.
pub fn take<O: Orders, W: SharedWord>(word: W) -> bool {
    word.fetch_and(!PENDING, O::TAKE) & PENDING != 0
}

/// Masks a port. Returns whether it was masked.
pub fn mask<W: SharedWord>(word: W) -> bool {
    word.fetch_or(MASKED, AcqRel) & MASKED != 0
}

/// Unmasks a port that has no pending event. False if it has one, or is changed without end: then Xen must
/// unmask it.
pub fn unmask<W: SharedWord>(word: W) -> bool {
    let mut old = word.load(Acquire);
    for _ in 0..TRIES {
        if old & MASKED == 0 {
            return true;
        }
        if old & PENDING != 0 {
            return false;
        }
        // While Xen is changing the link, a port must stay masked, or its change would never end.
        let resting = old & !BUSY;
        if word.replace(resting, resting & !MASKED, AcqRel) {
            return true;
        }
        core::hint::spin_loop();
        old = word.load(Acquire);
    }
    false
}
