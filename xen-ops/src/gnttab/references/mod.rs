//! References as numbers: the free ones, caches of them, and waiters for them.
//!
//! This module does not depend on entries, pages or hypercalls. [`granting`](super::granting) builds on it.

mod bitmap;
mod cache;
mod orders;
mod sync;
mod waiter;
mod wake;

pub(super) use bitmap::PER_LINE;
pub use bitmap::{AllocHint, BitmapLine, Refs, Taken};
pub use cache::RefCache;
pub use orders::{Orders, Proven};
#[cfg(loom)]
pub(super) use sync::fence;
pub(super) use sync::{
    AtomicU16, AtomicU32, AtomicU64, AtomicUsize, UnsafeCell, const_but_for_loom,
};
pub use waiter::{WaitError, Waiter};
pub use wake::Waiters;
