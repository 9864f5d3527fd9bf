//! Event queues: the walk of a vCPU against Xen, which sends.

use std::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst};

use loom::sync::Arc;
use loom::sync::atomic::AtomicU32;
use loom::thread;
use xen_ops_loom::events::protocol::{Orders, Proven, Queues, SharedWord, Step, unmask};

use super::Page;

const PENDING: u32 = 1 << 31;
const MASKED: u32 = 1 << 30;
const LINKED: u32 = 1 << 29;
const LINK: u32 = 0x1ffff;

/// The one queue of the tests, and its ports.
const PRIORITY: usize = 7;
const PORTS: usize = 3;

/// A word of loom's.
#[derive(Clone, Copy)]
pub(crate) struct Word<'a>(pub(crate) &'a AtomicU32);

impl SharedWord for Word<'_> {
    fn load(self, order: Ordering) -> u32 {
        self.0.load(order)
    }
    fn swap(self, value: u32, order: Ordering) -> u32 {
        self.0.swap(value, order)
    }
    fn fetch_and(self, mask: u32, order: Ordering) -> u32 {
        self.0.fetch_and(mask, order)
    }
    fn fetch_or(self, mask: u32, order: Ordering) -> u32 {
        self.0.fetch_or(mask, order)
    }
    fn replace(self, current: u32, new: u32, order: Ordering) -> bool {
        self.0.compare_exchange(current, new, order, Relaxed).is_ok()
    }
}

/// What guest and Xen share, and what a sender wrote before each event.
struct Shared {
    ready: AtomicU32,
    head: AtomicU32,
    words: [AtomicU32; PORTS],
    pages: [Page; PORTS],
}

impl Shared {
    fn new(word: u32) -> Arc<Self> {
        Arc::new(Self {
            ready: AtomicU32::new(0),
            head: AtomicU32::new(0),
            words: std::array::from_fn(|_| AtomicU32::new(word)),
            pages: std::array::from_fn(|_| Page::new()),
        })
    }

    /// Puts a port into the queue, as Xen does, whose lock is that only one thread sends. `tail` is Xen's
    /// own.
    fn queue(&self, port: usize, tail: &mut usize) {
        if self.words[port].fetch_or(LINKED, AcqRel) & LINKED != 0 {
            return;
        }
        let old = std::mem::replace(tail, port);
        let append = |word: u32| (word & LINKED != 0).then_some(word & !LINK | port as u32);
        let appended = old != 0
            && old != port
            && self.words[old].fetch_update(AcqRel, Acquire, append).is_ok();
        if !appended {
            self.head.store(port as u32, Release);
            self.ready.fetch_or(1 << PRIORITY, AcqRel);
        }
    }

    /// Sends an event.
    fn send(&self, port: usize, tail: &mut usize) {
        let word = self.words[port].fetch_or(PENDING, AcqRel);
        if word & MASKED == 0 {
            self.queue(port, tail);
        }
    }

    /// Walks until the queues are empty, and returns what was received, in order.
    fn walk<O: Orders>(&self, queues: &mut Queues) -> Vec<u32> {
        let mut ports = Vec::new();
        loop {
            let word = |port: u32| self.words.get(port as usize).map(Word);
            let head = |priority| (priority == PRIORITY).then_some(Word(&self.head));
            match queues.step::<O, _>(Word(&self.ready), head, word) {
                Step::Event(port) => {
                    // What the sender wrote is there.
                    assert_eq!(self.pages[port as usize].replace(0), port);
                    ports.push(port);
                }
                Step::Nothing => {}
                Step::Lost(port) => panic!("a queue leads to {port}"),
                Step::End => return ports,
            }
        }
    }
}

/// Xen sends two events while the guest walks, and the guest walks once more afterwards, as it does when the
/// vCPU is interrupted.
fn two_events<O: Orders>() {
    loom::model(|| {
        let shared = Shared::new(0);
        let xen = Arc::clone(&shared);
        let sender = thread::spawn(move || {
            let mut tail = 0;
            for port in [1, 2] {
                xen.pages[port].replace(port as u32);
                xen.send(port, &mut tail);
            }
        });
        let mut queues = Queues::default();
        let mut received = shared.walk::<O>(&mut queues);
        sender.join().unwrap();
        received.extend(shared.walk::<O>(&mut queues));
        assert_eq!(received, [1, 2]);
    });
}

/// Xen sends while the guest unmasks the port: one of them puts it into the queue.
#[test]
fn an_event_that_comes_while_its_port_is_unmasked_is_received() {
    loom::model(|| {
        let shared = Shared::new(MASKED);
        let xen = Arc::clone(&shared);
        let sender = thread::spawn(move || {
            xen.pages[1].replace(1);
            xen.send(1, &mut 0);
        });
        let done = unmask(Word(&shared.words[1]));
        sender.join().unwrap();
        if !done {
            // What `EVTCHNOP_unmask` does.
            let word = shared.words[1].fetch_and(!MASKED, SeqCst);
            assert_ne!(word & PENDING, 0);
            shared.queue(1, &mut 0);
        }
        assert_eq!(shared.walk::<Proven>(&mut Queues::default()), [1]);
    });
}

#[test]
fn no_event_is_lost() {
    two_events::<Proven>();
}

/// The ready bit without the head that was stored before it.
#[test]
#[should_panic]
fn taking_the_ready_bits_must_acquire() {
    enum Weak {}
    impl Orders for Weak {
        const READY: Ordering = Relaxed;
    }
    two_events::<Weak>();
}

/// The event without what the sender wrote before it.
#[test]
#[should_panic]
fn unlinking_or_taking_an_event_must_acquire() {
    enum Weak {}
    impl Orders for Weak {
        const UNLINK: Ordering = Relaxed;
        const TAKE: Ordering = Relaxed;
    }
    // The page of the second event is reached through the first one's link alone.
    two_events::<Weak>();
}
