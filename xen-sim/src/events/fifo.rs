//! Queues of events: words and control block are the guest's memory, which Xen writes to.

#![allow(unsafe_code, reason = "reaches into the guest's pages, atomically")]

use core::mem::offset_of;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

use xen_abi::errno::*;
use xen_abi::event_channel::*;
use xen_abi::xen::domid_t;
use xen_ops::page::PAGE_SIZE;

use crate::error::Answer;
use crate::frames::Mfn;
use crate::machine::State;
use crate::p2m;

const PENDING: u32 = 1 << EVTCHN_FIFO_PENDING;
const MASKED: u32 = 1 << EVTCHN_FIFO_MASKED;
const LINKED: u32 = 1 << EVTCHN_FIFO_LINKED;
const BUSY: u32 = 1 << EVTCHN_FIFO_BUSY;

const WORDS_PER_PAGE: u32 = (PAGE_SIZE / size_of::<u32>()) as u32;

/// The queues of a domain, whose one vCPU has a control block.
#[derive(Debug)]
pub(crate) struct Fifo {
    control: Page,
    /// Where the control block is in its page, in bytes.
    offset: usize,
    words: Vec<Page>,
    /// The last port of each queue, 0 for none that is known.
    tails: [u32; EVTCHN_FIFO_MAX_QUEUES as usize],
}

/// A page of the guest's, held for as long as Xen uses it.
#[derive(Debug)]
struct Page {
    mfn: Mfn,
    base: NonNull<u8>,
}

// SAFETY: memory of the machine's, accessed atomically.
unsafe impl Send for Page {}

impl Page {
    /// The word at `offset`, a multiple of 4 below 4096, in bytes.
    fn word(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: inside the page, aligned, there as long as the machine, and accessed atomically.
        unsafe { self.base.add(offset).cast().as_ref() }
    }
}

impl Fifo {
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

    /// Frames that are held.
    pub(crate) fn frames(&self) -> impl Iterator<Item = Mfn> {
        [&self.control].into_iter().chain(&self.words).map(|page| page.mfn)
    }

    pub(crate) fn is_pending(&self, port: u32) -> bool {
        self.word(port).is_some_and(|word| word.load(Acquire) & PENDING != 0)
    }

    /// Whether a port is in a queue still, though nothing may be pending.
    pub(crate) fn is_linked(&self, port: u32) -> bool {
        self.word(port).is_some_and(|word| word.load(Acquire) & LINKED != 0)
    }

    /// Takes back an event. The word stays in its queue.
    pub(crate) fn take(&self, port: u32) -> bool {
        self.word(port).is_some_and(|word| word.fetch_and(!PENDING, AcqRel) & PENDING != 0)
    }

    /// Puts an event into the queue of a priority, unless it is masked or in one already. `queue` is the
    /// one that the port was in last. False if there is no word for it yet.
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

    /// Unmasks a port. True if an event is pending, which is to be queued then.
    pub(crate) fn unmask(&self, port: u32) -> bool {
        let word = self.word(port);
        word.is_some_and(|word| word.fetch_and(!MASKED, AcqRel) & PENDING != 0)
    }
}

/// Puts `port` behind the port whose word this is. False if that has left its queue.
fn link(word: &AtomicU32, port: u32) -> bool {
    let behind =
        |now: u32| (now & LINKED != 0).then_some(now & !(BUSY | EVTCHN_FIFO_LINK_MASK) | port);
    word.fetch_update(AcqRel, Acquire, behind).is_ok()
}

impl State {
    pub(super) fn init_control(&mut self, caller: domid_t, at: usize) -> Answer {
        let mut op: evtchn_init_control = self.read(caller, at)?;
        if op.vcpu != 0 {
            return Err(XEN_ENOENT);
        }
        let offset = op.offset as usize;
        let fits = offset <= PAGE_SIZE - size_of::<evtchn_fifo_control_block>();
        if !fits || offset % 8 != 0 || self.caller(caller).ports.fifo.is_some() {
            return Err(XEN_EINVAL);
        }
        let control = self.hold_page(caller, op.control_gfn)?;
        let tails = [0; EVTCHN_FIFO_MAX_QUEUES as usize];
        let fifo = Fifo { control, offset, words: Vec::new(), tails };
        self.caller_mut(caller).ports.use_queues(fifo);
        op.link_bits = EVTCHN_FIFO_LINK_BITS as u8;
        self.write(caller, at, op)?;
        Ok(0)
    }

    pub(super) fn expand_array(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: evtchn_expand_array = self.read(caller, at)?;
        let fifo = self.caller(caller).ports.fifo.as_ref().ok_or(XEN_EOPNOTSUPP)?;
        let first = fifo.words.len() as u32 * WORDS_PER_PAGE;
        if first >= EVTCHN_FIFO_NR_CHANNELS {
            return Err(XEN_ENOSPC);
        }
        let page = self.hold_page(caller, op.array_gfn)?;
        let ports = &mut self.caller_mut(caller).ports;
        if let Some(fifo) = &mut ports.fifo {
            fifo.words.push(page);
        }
        ports.queue_waiting(first..first + WORDS_PER_PAGE);
        Ok(0)
    }

    fn hold_page(&mut self, caller: domid_t, gfn: u64) -> Answer<Page> {
        let found = self.look_up(caller, gfn).filter(|entry| entry.kind == p2m::EntryKind::Ram);
        let mfn = found.ok_or(XEN_EINVAL)?.mfn;
        let base = self.frames.address(mfn).ok_or(XEN_EINVAL)?;
        if self.frames.hold(mfn, caller) { Ok(Page { mfn, base }) } else { Err(XEN_EINVAL) }
    }

    /// Goes back to bits.
    pub(super) fn end_queues(&mut self, domid: domid_t) {
        let fifo = self.domain_mut(domid).and_then(|domain| domain.ports.fifo.take());
        for mfn in fifo.iter().flat_map(Fifo::frames) {
            self.put(mfn);
        }
    }
}
