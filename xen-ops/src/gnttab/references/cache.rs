//! A cache of free references for one owner.

use super::bitmap::{AllocHint, PER_WORD, Refs, Taken};
use super::orders::Orders;

/// Free references of one word of the bitmap, where they count as taken. Taking and freeing them
/// accesses no memory that other threads use.
#[derive(Debug)]
#[must_use = "references that are not flushed are lost"]
pub struct RefCache {
    taken: Taken,
}

impl RefCache {
    /// An empty cache.
    pub const EMPTY: Self = Self { taken: Taken::NONE };

    /// How many references it has.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.taken.left()
    }

    /// Takes a reference. An empty cache takes all free references of a word first.
    #[inline]
    pub fn take<O: Orders>(&mut self, refs: &Refs<'_>, hint: &mut AllocHint) -> Option<u32> {
        match self.taken.next() {
            Some(reference) => Some(reference),
            None => self.claim::<O>(refs, hint),
        }
    }

    #[cold]
    fn claim<O: Orders>(&mut self, refs: &Refs<'_>, hint: &mut AllocHint) -> Option<u32> {
        self.taken = refs.take_some::<O>(hint, PER_WORD as usize)?;
        self.taken.next()
    }

    /// Frees a reference, which must be taken. It is cached if it is of the same word as the others, and
    /// freed to the bitmap otherwise. If the word has the mark of waiters, the cache is flushed.
    ///
    /// A waiter that begins to wait at this moment may be missed: it sees the cached references as taken.
    #[inline]
    pub fn free<O: Orders>(&mut self, refs: &Refs<'_>, reference: u32) {
        if !self.taken.add(reference) {
            refs.free::<O>(Taken::one(reference));
        } else if refs.is_waited_for(&self.taken) {
            self.flush::<O>(refs);
        }
    }

    /// Frees all cached references to the bitmap.
    #[cold]
    pub fn flush<O: Orders>(&mut self, refs: &Refs<'_>) {
        refs.free::<O>(self.taken.rest());
    }
}
