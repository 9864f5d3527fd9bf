#![allow(unsafe_code, reason = "pages of the test's")]

use std::boxed::Box;
use std::cell::Cell;
use std::vec::Vec;

use super::protocol::{PENDING, SharedWord, Step};
use super::*;
use core::sync::atomic::Ordering::{self, SeqCst};
use std::sync::atomic::AtomicU32;

const LINKED: u32 = 1 << 29;
const BUSY: u32 = 1 << 28;

/// Words and a control block in this program's memory.
struct Memory {
    ready: AtomicU32,
    heads: [AtomicU32; 16],
    words: Vec<AtomicU32>,
}

impl Memory {
    fn new(words: &[u32]) -> Self {
        Self {
            ready: AtomicU32::new(0),
            heads: Default::default(),
            words: words.iter().copied().map(AtomicU32::new).collect(),
        }
    }

    /// Says that a queue begins with a port.
    fn head(&self, priority: usize, port: u32) {
        self.heads[priority].store(port, SeqCst);
        self.ready.fetch_or(1 << priority, SeqCst);
    }

    fn step(&self, queues: &mut Queues) -> Step {
        let word = |port: u32| self.words.get(port as usize);
        queues.step::<Proven, _>(&self.ready, |priority| self.heads.get(priority), word)
    }

    /// All steps, of which there are at most so many as a hostile Xen can cause.
    fn walk(&self) -> Vec<Step> {
        let mut queues = Queues::default();
        let mut steps = Vec::new();
        for _ in 0..100 {
            match self.step(&mut queues) {
                Step::End => return steps,
                step => steps.push(step),
            }
        }
        panic!("no end: {steps:?}");
    }
}

#[test]
fn a_queue_is_followed_and_unlinked() {
    let memory = Memory::new(&[0, PENDING | LINKED | 3, 0, PENDING | LINKED]);
    memory.head(7, 1);
    assert_eq!(memory.walk(), [Step::Event(1), Step::Event(3)]);
    assert!(memory.words.iter().all(|word| word.load(SeqCst) == 0));
    assert_eq!(memory.walk(), []);
}

#[test]
fn a_higher_priority_comes_first_even_if_it_comes_later() {
    let memory = Memory::new(&[0, PENDING | LINKED | 2, PENDING | LINKED, PENDING | LINKED]);
    memory.head(7, 1);
    let mut queues = Queues::default();
    assert_eq!(memory.step(&mut queues), Step::Event(1));
    memory.head(0, 3);
    assert_eq!(memory.step(&mut queues), Step::Event(3));
    assert_eq!(memory.step(&mut queues), Step::Event(2));
    assert_eq!(memory.step(&mut queues), Step::End);
}

#[test]
fn masked_and_taken_events_are_passed_over() {
    let memory = Memory::new(&[0, PENDING | MASKED | LINKED | 2, LINKED | 3, PENDING | LINKED]);
    memory.head(7, 1);
    assert_eq!(memory.walk(), [Step::Nothing, Step::Nothing, Step::Event(3)]);
    assert_eq!(memory.words[1].load(SeqCst), PENDING | MASKED, "it stays pending");
}

#[test]
fn heads_and_links_that_lie_end_their_queue() {
    let linked = PENDING | LINKED;
    // A head that jumps out of the array, and one that jumps to a word in no queue.
    let memory = Memory::new(&[0, linked | 4, PENDING | 1]);
    memory.head(0, 0xffff_ffff);
    memory.head(1, 2);
    assert_eq!(memory.walk(), [Step::Lost(0xffff_ffff), Step::Event(2)]);
    // A link out of the array, while another queue goes on.
    memory.head(2, 1);
    assert_eq!(memory.walk(), [Step::Event(1), Step::Lost(4)]);
    // A queue that leads to itself, and a ready bit without a head.
    let memory = Memory::new(&[0, linked | 2, linked | 1]);
    memory.head(3, 1);
    memory.head(5, 0);
    assert_eq!(memory.walk(), [Step::Event(1), Step::Event(2), Step::Nothing, Step::Nothing]);
    // Bits beyond the queues.
    memory.ready.store(0xffff_0000, SeqCst);
    assert_eq!(memory.walk(), []);
}

#[test]
fn whatever_is_in_memory_a_walk_ends() {
    let mut seed = 1_u32;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        seed
    };
    for _ in 0..2000 {
        let words: Vec<_> = (0..16).map(|_| random() & (0xf000_0000 | 0x1f)).collect();
        let memory = Memory::new(&words);
        for priority in 0..16 {
            memory.head(priority, random() & 0x1f);
        }
        memory.ready.store(random(), SeqCst);
        memory.walk();
    }
}

#[test]
fn unmasking_leaves_a_pending_event_and_a_busy_word_to_xen() {
    for (before, done, after) in [
        (MASKED, true, 0),
        (0, true, 0),
        (MASKED | LINKED | 5, true, LINKED | 5),
        (MASKED | PENDING, false, MASKED | PENDING),
        (MASKED | BUSY, false, MASKED | BUSY),
    ] {
        let word = AtomicU32::new(before);
        assert_eq!((protocol::unmask(&word), word.load(SeqCst)), (done, after), "{before:#x}");
    }
}

/// A word that Xen changes at each look loses its link in the end.
#[test]
fn a_word_that_never_rests_is_unlinked() {
    #[derive(Clone, Copy)]
    struct Restless<'a>(&'a Cell<u32>);
    impl SharedWord for Restless<'_> {
        fn load(self, _: Ordering) -> u32 {
            self.0.set(self.0.get() + 1);
            self.0.get()
        }
        fn swap(self, value: u32, _: Ordering) -> u32 {
            self.0.replace(value)
        }
        fn fetch_and(self, mask: u32, _: Ordering) -> u32 {
            self.0.replace(self.0.get() & mask)
        }
        fn fetch_or(self, mask: u32, _: Ordering) -> u32 {
            self.0.replace(self.0.get() | mask)
        }
        fn replace(self, _: u32, _: u32, _: Ordering) -> bool {
            false
        }
    }
    let (ready, head) = (Cell::new(1), Cell::new(1));
    let word = Cell::new(LINKED | PENDING);
    let mut queues = Queues::default();
    let head = |_| Some(Restless(&head));
    let step = queues.step::<Proven, _>(Restless(&ready), head, |_| Some(Restless(&word)));
    assert_eq!(step, Step::Event(2));
    assert_eq!(word.get(), 0);
}

/// A page of this program's.
#[derive(Debug)]
struct Own(NonNull<u8>);

// SAFETY: memory that is leaked, and used by the test through views.
unsafe impl Page for Own {
    fn frame(&self) -> xen_abi::xen::xen_pfn_t {
        xen_abi::xen::xen_pfn_t(5)
    }
    fn address(&self) -> NonNull<u8> {
        self.0
    }
}

#[repr(C, align(4096))]
struct Frame([u8; PAGE_SIZE]);

fn page() -> Own {
    Own(NonNull::from(Box::leak(Box::new(Frame([0; PAGE_SIZE])))).cast())
}

#[test]
fn pages_are_added_until_the_array_is_full_and_come_back_from_a_refusal() {
    let array = EventArray::<1>::new();
    let port = evtchn_port_t(3);
    assert_eq!(array.take(port), Err(NoSuchPort { port, ports: 0 }));
    // SAFETY: nothing relies on what the hypercalls have done.
    let refuses = unsafe { crate::backend::Script::new(&[-38]) };
    let failed = array.expand(&refuses, page()).unwrap_err();
    assert!(matches!(failed.error, ExpandError::Hypercall(_)) && failed.returned.is_some());
    assert_eq!(array.capacity(), 0);
    // SAFETY: as above.
    let accepts = unsafe { crate::backend::Script::new(&[0]) };
    array.expand(&accepts, page()).unwrap();
    assert_eq!(array.capacity(), WORDS_PER_PAGE);
    assert_eq!(array.mask(port), Ok(true), "ports of a new page are masked");
    let port = evtchn_port_t(WORDS_PER_PAGE);
    assert_eq!(array.mask(port), Err(NoSuchPort { port, ports: WORDS_PER_PAGE }));
    let failed = array.expand(&accepts, page()).unwrap_err();
    assert_eq!((failed.error, failed.returned.is_some()), (ExpandError::Full, true));
}

#[test]
fn the_most_pages_have_a_word_for_each_port() {
    assert_eq!((MAX_ARRAY_PAGES, WORDS_PER_PAGE), (128, 1024), "2 to the power of 17 ports");
}
