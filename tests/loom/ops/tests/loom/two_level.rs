//! Pending bits and the table of their vCPUs: a vCPU that walks, one that assigns the port to it, and Xen, which
//! sends.

use std::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed, SeqCst};

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, fence};
use loom::thread;
use xen_ops_loom::events::two_level_protocol::{
    Orders, Proven, active, is_own, mask, take, unmask,
};

use super::Page;
use super::fifo::Word;

/// The port's bit, and the vCPU that Xen announces its events to.
const BIT: u32 = 1 << 6;
const VCPU: u32 = 1;

/// What guest and Xen share, the port's entry of the table, and what the sender wrote before the event.
struct Shared {
    pending: AtomicU32,
    mask: AtomicU32,
    owner: AtomicU32,
    announced: AtomicU32,
    page: Page,
}

impl Shared {
    /// What Xen does when an event is sent. Its changes of bits are full barriers.
    fn send(&self) {
        self.page.replace(1);
        if self.pending.fetch_or(BIT, AcqRel) & BIT == 0 {
            fence(SeqCst);
            if self.mask.load(Acquire) & BIT == 0 {
                self.announced.swap(1, AcqRel);
            }
        }
    }

    /// What `PortVcpus::assign` does.
    fn assign<O: Orders>(&self) {
        mask(Word(&self.mask), BIT);
        self.owner.store(VCPU, Relaxed);
        if !unmask::<O, _>(Word(&self.pending), Word(&self.mask), BIT) {
            // What `EVTCHNOP_unmask` does.
            self.mask.fetch_and(!BIT, AcqRel);
            self.announced.swap(1, AcqRel);
        }
    }

    /// What the vCPU does when it is interrupted, maybe for another port. Returns how many events it received.
    fn walk<O: Orders>(&self) -> u32 {
        self.announced.swap(0, AcqRel);
        let is_active = active(Word(&self.pending), Word(&self.mask)) & BIT != 0;
        let is_event =
            is_active && is_own(Word(&self.owner), VCPU) && take::<O, _>(Word(&self.pending), BIT);
        if is_event {
            // What the sender wrote is there.
            assert_eq!(self.page.replace(0), 1);
        }
        is_event.into()
    }
}

/// Xen sends an event while the port is assigned and the vCPU walks, and the vCPU walks once more afterwards if
/// it is interrupted again.
fn event_while_assigned<O: Orders>() {
    let mut model = loom::model::Builder::new();
    // Threads that are interrupted more often show nothing new, in a hundred times the time.
    model.preemption_bound = Some(3);
    model.check(|| {
        let shared = Arc::new(Shared {
            pending: AtomicU32::new(0),
            mask: AtomicU32::new(0),
            owner: AtomicU32::new(0),
            announced: AtomicU32::new(0),
            page: Page::new(),
        });
        let xen = Arc::clone(&shared);
        let sender = thread::spawn(move || xen.send());
        let vcpu = Arc::clone(&shared);
        let walker = thread::spawn(move || vcpu.walk::<O>());
        shared.assign::<O>();
        sender.join().unwrap();
        let mut received = walker.join().unwrap();
        if shared.announced.load(Acquire) != 0 {
            received += shared.walk::<O>();
        }
        assert_eq!(received, 1);
    });
}

#[test]
fn an_event_is_not_lost_while_its_port_is_assigned() {
    event_while_assigned::<Proven>();
}

/// The event without what the sender wrote before it.
#[test]
#[should_panic]
fn taking_an_event_must_acquire() {
    enum Weak {}
    impl Orders for Weak {
        const TAKE: Ordering = Relaxed;
    }
    event_while_assigned::<Weak>();
}

/// Xen sees the mask, and the one that unmasks the port does not see the pending bit.
#[test]
#[should_panic]
fn unmasking_needs_a_fence() {
    enum Weak {}
    impl Orders for Weak {
        const UNMASK: Ordering = AcqRel;
    }
    event_while_assigned::<Weak>();
}
