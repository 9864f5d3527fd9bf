//! Every interleaving of the protocols by which two sides share a ring: `cargo xtask loom`.
//!
//! The functions are the ones that the rings run. A slot is a cell of loom's, which notices when two
//! threads access it without an order between them. Each ordering that a protocol needs is weakened once,
//! on one side, and then loom must find what goes wrong.

mod one_way;
mod ring;

use std::sync::atomic::Ordering;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU32, fence};
use xen_io_loom::protocol::{Orders, SharedIndex};

/// An index in shared memory.
#[derive(Debug)]
struct Index(AtomicU32);

impl Index {
    fn new(value: u32) -> Self {
        Self(AtomicU32::new(value))
    }
}

impl SharedIndex for Index {
    fn load(&self, order: Ordering) -> u32 {
        self.0.load(order)
    }

    fn store(&self, index: u32, order: Ordering) {
        self.0.store(index, order);
        if order == Ordering::SeqCst {
            fence(order);
        }
    }
}

/// Memory that one side may access at a time.
#[derive(Debug)]
struct Slot(UnsafeCell<u32>);

// SAFETY: loom checks each access.
#[allow(unsafe_code, reason = "loom checks each access")]
unsafe impl Sync for Slot {}

impl Slot {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    #[allow(unsafe_code, reason = "loom checks each access")]
    fn read(&self) -> u32 {
        // SAFETY: loom checks that no other thread writes it.
        self.0.with(|slot| unsafe { slot.read() })
    }

    #[allow(unsafe_code, reason = "loom checks each access")]
    fn write(&self, value: u32) {
        // SAFETY: loom checks that no other thread accesses it.
        self.0.with_mut(|slot| unsafe { slot.write(value) });
    }
}

/// Orderings of which one is weakened.
macro_rules! weakened {
    ($($name:ident: $constant:ident = $order:ident;)*) => {$(
        enum $name {}

        impl Orders for $name {
            const $constant: Ordering = Ordering::$order;
        }
    )*};
}

weakened! {
    WeakPublish: PUBLISH = Relaxed;
    WeakObserve: OBSERVE = Relaxed;
    WeakRelease: RELEASE = Relaxed;
    WeakReuse: REUSE = Relaxed;
    WeakPush: PUSH = Relaxed;
    // Without the fence before the decision to notify, and before that to sleep.
    NoPushFence: PUSH = Release;
    NoAskFence: ASK = Relaxed;
}
