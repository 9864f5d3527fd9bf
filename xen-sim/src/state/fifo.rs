//! Event queues of the FIFO ABI. Event words and control block are the guest's memory, which Xen
//! writes to.

#![allow(unsafe_code, reason = "reaches into the guest's pages, atomically")]

use core::mem::offset_of;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

use xen_abi::event_channel::*;
use xen_ops::page::PAGE_SIZE;

use crate::state::frames::Mfn;

const PENDING: u32 = 1 << EVTCHN_FIFO_PENDING;
const MASKED: u32 = 1 << EVTCHN_FIFO_MASKED;
const LINKED: u32 = 1 << EVTCHN_FIFO_LINKED;
const BUSY: u32 = 1 << EVTCHN_FIFO_BUSY;

/// Event words in a page of the event array.
pub(crate) const WORDS_PER_PAGE: u32 = (PAGE_SIZE / size_of::<u32>()) as u32;

/// The queues of a domain, whose one vCPU has a control block.
#[derive(Debug)]
pub(crate) struct Fifo {
    control: GuestFrame,
    /// Where the control block is in its page, in bytes.
    offset: usize,
    /// The pages of the event array.
    words: Vec<GuestFrame>,
    /// The last port of each queue; 0 for an empty queue.
    tails: [u32; EVTCHN_FIFO_MAX_QUEUES as usize],
}

/// A page of the guest's that Xen holds a reference to.
#[derive(Debug)]
pub(crate) struct GuestFrame {
    mfn: Mfn,
    base: NonNull<u8>,
}

// SAFETY: memory of the machine's, accessed atomically.
unsafe impl Send for GuestFrame {}

impl GuestFrame {
    /// The frame `mfn`, whose first byte is at `base`.
    pub(crate) fn new(mfn: Mfn, base: NonNull<u8>) -> Self {
        Self { mfn, base }
    }

    /// The word at `offset`, a multiple of 4 below 4096, in bytes.
    fn word(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: inside the page, aligned, valid as long as the machine, and accessed atomically.
        unsafe { self.base.add(offset).cast().as_ref() }
    }
}

impl Fifo {
    /// Empty queues with a control block `offset` bytes into the page `control`.
    pub(crate) fn new(control: GuestFrame, offset: usize) -> Self {
        Self { control, offset, words: Vec::new(), tails: [0; EVTCHN_FIFO_MAX_QUEUES as usize] }
    }

    fn word(&self, port: u32) -> Option<&AtomicU32> {
        let page = self.words.get((port / WORDS_PER_PAGE) as usize)?;
        Some(page.word((port % WORDS_PER_PAGE) as usize * size_of::<u32>()))
    }

    fn ready(&self) -> &AtomicU32 {
        self.control.word(self.offset + offset_of!(evtchn_fifo_control_block, ready))
    }

    fn head(&self, priority: u32) -> &AtomicU32 {
        let heads = self.offset + offset_of!(evtchn_fifo_control_block, head);
        self.control.word(heads + priority as usize * size_of::<u32>())
    }

    /// Number of ports that have an event word.
    pub(crate) fn capacity(&self) -> u32 {
        self.words.len() as u32 * WORDS_PER_PAGE
    }

    /// Adds a page to the event array.
    pub(crate) fn expand(&mut self, page: GuestFrame) {
        self.words.push(page);
    }

    /// Frames that Xen holds for the queues.
    pub(crate) fn frames(&self) -> impl Iterator<Item = Mfn> {
        [&self.control].into_iter().chain(&self.words).map(|page| page.mfn)
    }

    pub(crate) fn is_pending(&self, port: u32) -> bool {
        self.word(port).is_some_and(|word| word.load(Acquire) & PENDING != 0)
    }

    /// Whether a port is still in a queue, even if its event is not pending any more.
    pub(crate) fn is_linked(&self, port: u32) -> bool {
        self.word(port).is_some_and(|word| word.load(Acquire) & LINKED != 0)
    }

    /// Clears a pending event. The word stays in its queue.
    pub(crate) fn take(&self, port: u32) -> bool {
        self.word(port).is_some_and(|word| word.fetch_and(!PENDING, AcqRel) & PENDING != 0)
    }

    /// Puts an event into the queue of a priority, unless it is masked or in a queue already.
    /// `queue` is the queue that the port was in last. False if the port has no event word.
    pub(crate) fn set_pending(&mut self, port: u32, priority: u32, queue: &mut u32) -> bool {
        let Some(word) = self.word(port) else { return false };
        word.fetch_or(PENDING, AcqRel);
        if word.load(Acquire) & MASKED != 0 || word.fetch_or(LINKED, AcqRel) & LINKED != 0 {
            return true;
        }
        let (old, new) = (*queue as usize, priority as usize);
        if self.tails[old] == port {
            self.tails[old] = 0;
        }
        *queue = priority;
        let tail = Some(self.tails[new]).filter(|tail| *tail != 0);
        let linked = tail.and_then(|tail| self.word(tail)).is_some_and(|tail| link(tail, port));
        if !linked {
            self.head(priority).store(port, Release);
            self.ready().fetch_or(1 << priority, AcqRel);
        }
        self.tails[new] = port;
        true
    }

    /// Unmasks a port. True if its event is pending and has to be queued.
    pub(crate) fn unmask(&self, port: u32) -> bool {
        let word = self.word(port);
        word.is_some_and(|word| word.fetch_and(!MASKED, AcqRel) & PENDING != 0)
    }
}

/// Links `port` to the word of the last port in a queue. False if that has left the queue.
fn link(word: &AtomicU32, port: u32) -> bool {
    let linked =
        |now: u32| (now & LINKED != 0).then_some(now & !(BUSY | EVTCHN_FIFO_LINK_MASK) | port);
    word.fetch_update(AcqRel, Acquire, linked).is_ok()
}
