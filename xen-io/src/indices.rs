//! The indices of rings: which are private, what the peer may say about its own, and the orderings by
//! which one side sees what the other has written.
//!
//! There are two protocols. In a ring of requests and responses each side is a [`Producer`] of one kind
//! and a [`Consumer`] of the other, and the consumer's index is not shared. In a one-way ring, of bytes or
//! of events, a [`Sender`] and a [`Receiver`] share both indices.
//!
//! Indices count up and wrap around at 2^32. All functions work on any values.

use core::sync::atomic::Ordering::{self, Acquire, Relaxed, Release, SeqCst};

use xen_abi::macros::ring::needs_notify;
use xen_ops::ReadWrite;
use xen_ops::view::Place;

/// Memory orderings. The defaults are the ones to use; the protocols take them as a parameter so that
/// the tests can weaken one and show that it is needed.
pub trait Orders {
    /// Storing a producer's index: the peer sees the entries if it sees the index. Also, what this side
    /// read from those entries before is read.
    const PUBLISH: Ordering = Release;
    /// Storing a producer's index before the peer's event index is loaded: as [`PUBLISH`](Self::PUBLISH), and the
    /// load comes after the store. The peer stores its event index as [`ASK`](Self::ASK) says and then loads the
    /// producer's: at least one side sees the other's store.
    const PUSH: Ordering = SeqCst;
    /// Storing an event index before the producer's index is loaded: as [`PUSH`](Self::PUSH), on the side that is
    /// going to sleep.
    const ASK: Ordering = SeqCst;
    /// Loading a producer's index: as [`PUBLISH`](Self::PUBLISH).
    const OBSERVE: Ordering = Acquire;
    /// Storing a consumer's index: what it has read is read before the peer overwrites it.
    const RELEASE: Ordering = Release;
    /// Loading a consumer's index: as [`RELEASE`](Self::RELEASE).
    const REUSE: Ordering = Acquire;
}

/// The orderings to use.
#[derive(Clone, Copy, Debug)]
pub enum Proven {}

impl Orders for Proven {}

/// An index in memory that is shared with the peer.
pub trait SharedIndex {
    /// Loads the index.
    fn load(&self, order: Ordering) -> u32;
    /// Stores the index. With [`SeqCst`] later loads come after the store, whatever their order is.
    fn store(&self, index: u32, order: Ordering);
}

impl SharedIndex for Place<'_, u32, ReadWrite> {
    #[inline]
    fn load(&self, order: Ordering) -> u32 {
        Place::load(self, order)
    }

    #[inline]
    fn store(&self, index: u32, order: Ordering) {
        Place::store(self, index, order);
    }
}

/// The peer's index has this value, which it cannot have: it is not among the `allowed` values after
/// `from`, nor `from` itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lie {
    /// The value.
    pub value: u32,
    /// The lowest allowed value.
    pub from: u32,
    /// How many more are allowed.
    pub allowed: u32,
}

/// Loads the peer's index, which is `from` or at most `allowed` more.
#[inline]
fn checked<W: SharedIndex>(
    index: &W,
    order: Ordering,
    from: u32,
    allowed: u32,
) -> Result<u32, Lie> {
    let value = index.load(order);
    if value.wrapping_sub(from) > allowed {
        return Err(Lie { value, from, allowed });
    }
    Ok(value)
}

/// The producer's side of a ring with hold-off: requests in a front end, responses in a back end.
#[derive(Clone, Copy, Debug)]
pub struct Producer {
    next: u32,
    published: u32,
    /// Up to where the peer is notified if it wants to be.
    pushed: u32,
}

impl Producer {
    /// A producer that has published everything before `index`.
    #[must_use]
    pub const fn new(index: u32) -> Self {
        Self { next: index, published: index, pushed: index }
    }

    /// A producer that goes on after another, which has published everything before `index`, but may have died before
    /// the peer was notified of the last `count`: the first [`push`](Self::push) is for them too.
    #[must_use]
    pub const fn successor(index: u32, count: u32) -> Self {
        Self { next: index, published: index, pushed: index.wrapping_sub(count) }
    }

    /// The index of the next entry.
    #[inline]
    #[must_use]
    pub const fn next(&self) -> u32 {
        self.next
    }

    /// The index up to which the peer may see entries.
    #[inline]
    #[must_use]
    pub const fn published(&self) -> u32 {
        self.published
    }

    /// The next entry is written.
    #[inline]
    pub const fn advance(&mut self) {
        self.next = self.next.wrapping_add(1);
    }

    /// Publishes what was written. Whether the peer wants an event for it is up to the next
    /// [`push`](Self::push).
    #[inline]
    pub fn publish<O: Orders>(&mut self, produced: &impl SharedIndex) {
        produced.store(self.next, O::PUBLISH);
        self.published = self.next;
    }

    /// Publishes what was written, and returns whether the peer wants an event for it, or for what was published
    /// since the last time.
    #[inline]
    pub fn push<O: Orders>(
        &mut self,
        produced: &impl SharedIndex,
        event: &impl SharedIndex,
    ) -> bool {
        if self.next == self.pushed {
            return false;
        }
        produced.store(self.next, O::PUSH);
        self.published = self.next;
        // Not the shared index: the peer could have changed it.
        let before = core::mem::replace(&mut self.pushed, self.next);
        needs_notify(before, self.next, event.load(Relaxed))
    }
}

/// The consumer's side of a ring with hold-off: responses in a front end, requests in a back end.
#[derive(Clone, Copy, Debug)]
pub struct Consumer {
    next: u32,
    seen: u32,
}

impl Consumer {
    /// A consumer that has taken everything before `index`.
    #[must_use]
    pub const fn new(index: u32) -> Self {
        Self { next: index, seen: index }
    }

    /// The index of the next entry.
    #[inline]
    #[must_use]
    pub const fn next(&self) -> u32 {
        self.next
    }

    /// The next entry is copied.
    #[inline]
    pub const fn advance(&mut self) {
        self.next = self.next.wrapping_add(1);
    }

    /// How many entries are known of.
    #[inline]
    #[must_use]
    pub const fn known(&self) -> u32 {
        self.seen.wrapping_sub(self.next)
    }

    /// How many entries can be taken. The peer's index is loaded only if none is known of. It can be at
    /// most `allowed` more than [`next`](Self::next).
    #[inline]
    pub fn available<O: Orders>(
        &mut self,
        produced: &impl SharedIndex,
        allowed: u32,
    ) -> Result<u32, Lie> {
        if self.seen == self.next {
            self.seen = checked(produced, O::OBSERVE, self.next, allowed)?;
        }
        Ok(self.seen.wrapping_sub(self.next))
    }

    /// Asks for an event once `count` entries can be taken, and returns whether there are so many now,
    /// so that no event may come.
    #[inline]
    pub fn final_check<O: Orders>(
        &mut self,
        produced: &impl SharedIndex,
        event: &impl SharedIndex,
        allowed: u32,
        count: u32,
    ) -> Result<bool, Lie> {
        if self.available::<O>(produced, allowed)? >= count {
            return Ok(true);
        }
        event.store(self.next.wrapping_add(count), O::ASK);
        self.seen = checked(produced, O::OBSERVE, self.next, allowed)?;
        Ok(self.seen.wrapping_sub(self.next) >= count)
    }
}

/// The producer of a one-way ring, whose consumer's index is shared.
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    produced: u32,
    consumed: u32,
}

impl Sender {
    /// A sender that has sent everything before `produced`, of which the peer has read all before
    /// `consumed`.
    #[must_use]
    pub const fn new(produced: u32, consumed: u32) -> Self {
        Self { produced, consumed }
    }

    /// The index of the next unit.
    #[inline]
    #[must_use]
    pub const fn next(&self) -> u32 {
        self.produced
    }

    /// How many units are free in a ring of `size`. The peer's index may only move forward, to what was
    /// sent.
    #[inline]
    pub fn free<O: Orders>(&mut self, consumed: &impl SharedIndex, size: u32) -> Result<u32, Lie> {
        let unread = self.produced.wrapping_sub(self.consumed);
        self.consumed = checked(consumed, O::REUSE, self.consumed, unread)?;
        // Never more than the size: it was checked when the ring was made.
        Ok(size.saturating_sub(self.produced.wrapping_sub(self.consumed)))
    }

    /// Publishes `count` units, which are written.
    #[inline]
    pub fn publish<O: Orders>(&mut self, produced: &impl SharedIndex, count: u32) {
        self.produced = self.produced.wrapping_add(count);
        produced.store(self.produced, O::PUBLISH);
    }
}

/// The consumer of a one-way ring.
#[derive(Clone, Copy, Debug)]
pub struct Receiver {
    consumed: u32,
}

impl Receiver {
    /// A receiver that has read everything before `consumed`.
    #[must_use]
    pub const fn new(consumed: u32) -> Self {
        Self { consumed }
    }

    /// The index of the next unit.
    #[inline]
    #[must_use]
    pub const fn next(&self) -> u32 {
        self.consumed
    }

    /// How many units can be read from a ring of `size`.
    #[inline]
    pub fn available<O: Orders>(&self, produced: &impl SharedIndex, size: u32) -> Result<u32, Lie> {
        Ok(checked(produced, O::OBSERVE, self.consumed, size)?.wrapping_sub(self.consumed))
    }

    /// Releases `count` units, which are copied.
    #[inline]
    pub fn release<O: Orders>(&mut self, consumed: &impl SharedIndex, count: u32) {
        self.consumed = self.consumed.wrapping_add(count);
        consumed.store(self.consumed, O::RELEASE);
    }
}
