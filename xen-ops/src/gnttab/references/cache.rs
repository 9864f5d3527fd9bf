//! References that are free for one alone.

use super::bitmap::{AllocHint, PER_WORD, Refs, Taken};
use super::orders::Orders;

/// Free references of one word of the bitmap, where they count as taken. Its holder takes and frees
/// them without touching memory that others use.
#[derive(Debug)]
#[must_use = "they are lost, unless flushed"]
pub struct RefCache {
    taken: Taken,
}

impl RefCache {
    /// Nothing is held.
    pub const EMPTY: Self = Self { taken: Taken::NONE };

    /// How many are held.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.taken.left()
    }

    /// Takes a reference. If none is held, all free ones of a word are, from now on.
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

    /// Frees a reference, which must belong to the caller. It is held if it is of the word of those
    /// that are, and nobody is seen to wait; else it is everyone's, and so are all if somebody waits.
    ///
    /// Who begins to wait just then may not be seen: then what is held is as if it were taken.
    #[inline]
    pub fn free<O: Orders>(&mut self, refs: &Refs<'_>, reference: u32) {
        if !self.taken.add(reference) {
            refs.free::<O>(Taken::one(reference));
        } else if refs.is_waited_for(&self.taken) {
            self.flush::<O>(refs);
        }
    }

    /// Gives back what is held.
    #[cold]
    pub fn flush<O: Orders>(&mut self, refs: &Refs<'_>) {
        refs.free::<O>(self.taken.rest());
    }
}
